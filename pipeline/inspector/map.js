"use strict";
// The map of a split: a dot per segment where its representation lies. Its colours say label, error or speaker.

const MAP_HEIGHT = 0.7;  // of its width, as the style sheet has it; both axes have one scale
const MOST_COLOURS = 6;
const NEAR_PX = 22;  // a finger is wider than a dot

const meanPrediction = (segment) => mean(segment.predictions);
const errorOf = (segment) => meanPrediction(segment) - (isClasses ? 1 : segment.label);

// What the dots can be coloured by: a function from a list to the class, the shade and the words of a segment, and a legend.
const COLOURINGS = {
  label: (list) => (isClasses
    ? categories(list, (segment) => page.classes[segment.label])
    : scale(list, (segment) => segment.label, (value) => labelText(value), page.binary ? [0, 1] : ends(list, (segment) => segment.label))),
  error: (list) => (isClasses
    ? scale(list, (segment) => -errorOf(segment), (value) => number(value), [-1, 1], ["1 − probability of its own class: ", "of its own class it lacks "])
    : scale(list, errorOf, (value) => signed(value), ends(list, errorOf, true), ["predicted too low or too high: ", "off by "])),
  speaker: (list) => categories(list, (segment) => segment.speaker || "not named"),
};

// From one end to the other, with zero in the middle where there are numbers on both sides of it, or where `around` asks for it.
function ends(list, value, around = false) {
  const values = list.entries.map((entry) => value(page.segments[entry.segment]));
  const low = Math.min(...values), high = Math.max(...values);
  if (!around && low >= 0 === high >= 0) return [low, high];
  const far = Math.max(-low, high);
  return [-far, far];
}

function scale(list, value, written, [low, high], [inLegend, inTitle] = ["", ""]) {
  const middle = (low + high) / 2, half = (high - low) / 2 || 1;
  return {
    of: (segment) => {
      const place = Math.max(-1, Math.min(1, (value(segment) - middle) / half));
      return { kind: place < 0 ? "falls" : "rises", shade: Math.abs(place), words: inTitle + written(value(segment)) };
    },
    legend: () => {
      const shown = isClasses && low < 0 ? 0 : low;
      return [element("li", {}, `${inLegend}${written(shown)} `, element("i", { class: shown === low ? "ramp" : "ramp half" }), ` ${written(high)}`)];
    },
  };
}

function categories(list, nameOf) {
  const counts = new Map();
  for (const entry of list.entries) {
    const name = nameOf(page.segments[entry.segment]);
    counts.set(name, (counts.get(name) || 0) + 1);
  }
  const named = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  const kindOf = (name) => (named.indexOf(name) < MOST_COLOURS ? `series-${named.indexOf(name) + 1}` : "others");
  const nOthers = named.length - MOST_COLOURS;
  return {
    of: (segment) => ({ kind: kindOf(nameOf(segment)), shade: 1, words: nameOf(segment) }),
    legend: () => [
      ...named.slice(0, MOST_COLOURS).map((name) => element("li", {}, element("i", { class: kindOf(name) }), ` ${name}`)),
      nOthers > 0 ? element("li", {}, element("i", { class: "others" }), ` ${plural(nOthers, "other")}`) : null,
    ].filter(Boolean),
  };
}

function aboutMap({ summary, entries, split }) {
  const [first, second] = summary.explained;
  const drawn = entries.length < summary.segments ? `${entries.length.toLocaleString("en")} of ${plural(summary.segments, "segment")} of ${split}, evenly along their labels` : `The ${plural(summary.segments, "segment")} of ${split}`;
  const seeds = summary.seeds === 1 ? "" : ` (of all ${summary.seeds} seeds, each scaled to the same total variance)`;
  return [
    `${drawn}, by what the network makes of words, sound and face before its linear score${seeds}. The plane holds ${percent(first + second)} of the variance: ${percent(first)} across, ${percent(second)} upwards.`,
    "Principal components, both turned so that labels rise along them; the unit of the axes means nothing. Dots that are close may differ in what the plane does not hold.",
  ];
}

function drawMap(list, matching, colouring, onSelect) {
  const { of, legend } = COLOURINGS[colouring](list);
  const xs = list.entries.map((entry) => entry.x), ys = list.entries.map((entry) => entry.y);
  const [left, right, bottom, top] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const reach = Math.max(right - left, (top - bottom) / MAP_HEIGHT) || 1;
  const place = (entry) => [0.5 + (0.94 * (entry.x - (left + right) / 2)) / reach, 0.5 - (0.94 * (entry.y - (bottom + top) / 2)) / (reach * MAP_HEIGHT)];
  const svg = shape("svg", { class: "map", role: "group", "aria-label": `Map of ${plural(matching.length, "segment")}; arrow keys lead from dot to dot, Enter plays` });
  const ring = shape("circle", { class: "ring", r: 10, visibility: "hidden" });
  const visible = new Set(matching);
  const dots = new Map();
  for (const entry of [...list.entries.filter((each) => !visible.has(each)), ...matching]) {
    const segment = page.segments[entry.segment];
    const { kind, shade, words } = of(segment);
    const [x, y] = place(entry);
    const title = `${segment.id}: label ${labelText(segment.label)}${isClasses ? "" : `, predicted ${number(meanPrediction(segment))}`}${colouring === "label" ? "" : `; ${words}`}`;
    const dot = shape("circle", { class: `point ${kind}`, cx: `${100 * x}%`, cy: `${100 * y}%`, r: 5, style: `--shade: ${shade.toFixed(3)}` }, title);
    if (visible.has(entry)) {
      for (const [key, value] of Object.entries({ tabindex: "-1", role: "button", "aria-label": title })) dot.setAttribute(key, value);
      dots.set(entry, dot);
    } else {
      dot.classList.add("dim");
    }
    svg.append(dot);
  }
  svg.append(ring);
  dots.get(matching[0])?.setAttribute("tabindex", "0");

  function mark(entry) {
    for (const dot of dots.values()) dot.setAttribute("tabindex", "-1");
    const dot = dots.get(entry);
    dot.setAttribute("tabindex", "0");
    for (const key of ["cx", "cy"]) ring.setAttribute(key, dot.getAttribute(key));
    ring.setAttribute("visibility", "visible");
    return dot;
  }
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const away = (entry) => { const [x, y] = place(entry); return Math.hypot(x * box.width + box.left - event.clientX, y * box.height + box.top - event.clientY); };
    const nearest = matching.reduce((best, entry) => (best && away(best) <= away(entry) ? best : entry), null);
    if (nearest && away(nearest) <= NEAR_PX) onSelect(nearest);
  });
  svg.addEventListener("keydown", (event) => {
    const entry = [...dots].find(([, dot]) => dot === event.target)?.[0];
    const direction = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!entry || (!direction && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    const next = direction ? neighbour(matching, entry, direction) : entry;
    if (next) onSelect(next, { play: !direction });
  });
  return { figure: element("figure", { class: "map-figure" }, element("ul", { class: "map-legend" }, ...legend()), svg), mark };
}

// The nearest dot in a direction: within a right angle around it.
function neighbour(entries, from, [right, up]) {
  let best = null, least = Infinity;
  for (const entry of entries) {
    const dx = entry.x - from.x, dy = entry.y - from.y;
    const along = dx * right + dy * up, across = Math.abs(dx * up) + Math.abs(dy * right);
    const distance = Math.hypot(dx, dy);
    if (entry !== from && along > 0 && along >= across && distance < least) [best, least] = [entry, distance];
  }
  return best;
}

function selectDot(entry, { focus = true, play = false } = {}) {
  const { list } = state, isSelected = state.selected === entry;
  state.selected = entry;
  const dot = state.map.mark(entry);
  if (focus) dot.focus({ preventScroll: true });
  if (!isSelected || !byId("entries").querySelector("article")) {
    const article = draw(list, entry, null);
    article.classList.add("current");
    byId("entries").querySelector("article")?.remove();
    byId("entries").append(article);
    history.replaceState(null, "", `#${addressOf(list, entry)}`);
  }
  if (play) playAll(byId("entries").querySelector("article"));
}

function refreshMap(list) {
  state.found = list.entries.filter(matches);
  state.map = drawMap(list, state.found, byId("sort").value, selectDot);
  byId("entries").replaceChildren(state.map.figure);
  byId("more").hidden = true;
  const total = list.entries.length;
  byId("count").textContent = state.found.length === total ? "Choose a dot, by pointer or arrow keys, to see and hear its segment." : `${state.found.length} of ${plural(total, "segment")}${state.found.length ? "; the others are pale" : ": nothing fits these filters"}`;
  if (state.found.includes(state.selected)) selectDot(state.selected, { focus: false });
}
