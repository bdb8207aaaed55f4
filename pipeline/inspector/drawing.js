"use strict";
// Elements and strips. Foreign text reaches the page through textContent and attributes only, never as markup.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function shape(name, attributes, title) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (title) {
    const words = document.createElementNS("http://www.w3.org/2000/svg", "title");
    words.textContent = title;
    made.append(words);
  }
  return made;
}

function number(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

function signed(value, digits = 2) {
  const text = number(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

function percent(share) {
  return `${(100 * share).toFixed(0)}\u00a0%`;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// A strip: rows of dots, one per seed, over one horizontal axis. A row has a name, dots, and perhaps a label and a baseline.
function strip(rows, { low, high, ticks, marks = [], written, axis }) {
  const rowHeight = 26, height = rows.length * rowHeight + 20;
  const span = high - low || 1;
  // A margin of four per cent, so that dots and numbers at the ends are whole.
  const x = (value) => `${4 + (92 * (Math.min(high, Math.max(low, value)) - low)) / span}%`;
  const picture = shape("svg", { height, role: "img" });
  const sentences = rows.map((row) =>
    `${row.name}: ${row.dots.map((dot) => written(dot)).join(", ")}${row.label === undefined ? "" : `; label ${row.labelWritten}`}`);
  picture.setAttribute("aria-label", `${axis}. ${sentences.join(". ")}`);
  for (const tick of ticks) {
    picture.append(shape("line", { class: "tick", x1: x(tick), x2: x(tick), y1: 0, y2: height - 16 }));
    const text = shape("text", { class: "tick-text", x: x(tick), y: height - 3 });
    text.textContent = written(tick, true);
    picture.append(text);
  }
  for (const mark of marks) {
    picture.append(shape("line", { class: `mark-line ${mark.kind}`, x1: x(mark.at), x2: x(mark.at), y1: 0, y2: height - 16 }, mark.title));
  }
  rows.forEach((row, position) => {
    const y = position * rowHeight + rowHeight / 2;
    picture.append(shape("line", { class: "rail", x1: "0", x2: "100%", y1: y, y2: y }));
    const middle = mean(row.dots);
    picture.append(shape("line", { class: `mean ${row.kind}`, x1: x(middle), x2: x(middle), y1: y - 8, y2: y + 8 }, `${row.name}: mean ${written(middle)}`));
    if (row.label !== undefined) {
      picture.append(shape("line", { class: `label ${row.kind}`, x1: x(row.label), x2: x(row.label), y1: y - 11, y2: y + 11 }, `${row.name}: label ${row.labelWritten}`));
    }
    if (row.baseline !== undefined) {
      const diamond = shape("svg", { x: x(row.baseline), y, width: 1, height: 1, overflow: "visible" });
      diamond.append(shape("path", { class: "baseline", d: "M0 -5 5 0 0 5 -5 0Z" }, `${row.name}: baseline ${written(row.baseline)}`));
      picture.append(diamond);
    }
    row.dots.forEach((dot, seed) => {
      picture.append(shape("circle", { class: `dot ${row.kind}`, cx: x(dot), cy: y, r: 4.5 }, `${row.name}: seed ${seed + 1} of ${row.dots.length}, ${written(dot)}`));
    });
  });
  return element("figure", { class: "strip" },
    element("div", { class: "rows" },
      element("div", { class: "names" }, ...rows.map((row) => element("span", { class: `name ${row.kind}` }, row.name))), picture),
    element("figcaption", {}, `${axis}. ${keyOf(rows[0])}.`));
}

// What the marks of a strip stand for, in words: a finger on glass gets no tooltip.
function keyOf(row) {
  return [
    row.dots.length > 1 ? "Dots: seeds; thin line: their mean" : "Dot: the seed",
    row.label === undefined ? null : "thick line: label",
    row.baseline === undefined ? null : "diamond: baseline",
  ].filter((part) => part !== null).join("; ");
}

// Round steps, at most eight of them.
function ticksOf(low, high) {
  const rough = (high - low) / 8 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + 1e-9; tick += 1) ticks.push(tick * step);
  return ticks;
}
