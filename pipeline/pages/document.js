"use strict";
// What a report gains where scripts run: charts that answer the pointer, tables that sort and filter. Without, nothing is missing.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);

  function show(_handler, event, _item, value) {
    if (value === null || value === undefined || typeof value !== "object") {
      tip.hidden = true;
      return;
    }
    const rows = Object.entries(value).map(([name, text]) => {
      const row = document.createElement("div");
      const term = document.createElement("span");
      const answer = document.createElement("b");
      term.textContent = name;
      answer.textContent = String(text);
      row.append(term, " ", answer);
      return row;
    });
    tip.replaceChildren(...rows);
    tip.hidden = false;
    const at = event.touches?.[0] ?? event.changedTouches?.[0] ?? event;
    const box = tip.getBoundingClientRect();
    const right = at.clientX + 14 + box.width > document.documentElement.clientWidth;
    const below = at.clientY + 14 + box.height > document.documentElement.clientHeight;
    const left = right ? at.clientX - 14 - box.width : at.clientX + 14;
    const top = below ? at.clientY - 14 - box.height : at.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  async function enliven(figure) {
    const described = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const still = figure.querySelector("svg");
    const live = document.createElement("div");
    live.className = "live";
    await vegaEmbed(live, described, {
      mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false, hover: true, tooltip: show,
    });
    const drawn = live.querySelector("svg");
    for (const name of ["role", "aria-labelledby"]) drawn.setAttribute(name, still.getAttribute(name));
    drawn.removeAttribute("width");
    drawn.removeAttribute("height");
    still.replaceWith(live);
    figure.dataset.live = "";
  }

  // A chart is made when it comes near, so that a long page opens at once.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      enliven(entry.target);
    }
  }, { rootMargin: "400px" });
  for (const figure of document.querySelectorAll("figure.live-chart")) near.observe(figure);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  const worded = (cell) => {
    const plain = cell.cloneNode(true);
    for (const extra of plain.querySelectorAll(".detail, sup")) extra.remove();
    return plain.textContent.trim();
  };
  // An interval sorts by its lower end.
  const numeric = (text) => {
    const plain = text.replace(/^\[([^,]+), .*\]$/, "$1").replace(/\u2212/g, "-").replace(/,/g, "").replace(/^\+/, "");
    return plain !== "" && Number.isFinite(Number(plain)) ? Number(plain) : null;
  };
  function compared(one, other) {
    const [a, b] = [numeric(one), numeric(other)];
    if (a !== null && b !== null) return a - b;
    if ((a === null) !== (b === null)) return a === null ? 1 : -1;
    return one < other ? -1 : one > other ? 1 : 0;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const first = [...body.rows];
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        // Up, down, and back to the order that the report has.
        const before = heading.getAttribute("aria-sort");
        const next = before === null ? "ascending" : before === "ascending" ? "descending" : null;
        for (const each of headings) each.removeAttribute("aria-sort");
        const rows = [...first];
        if (next !== null) {
          heading.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          rows.sort((a, b) => {
            const [one, other] = [worded(a.cells[column]), worded(b.cells[column])];
            const missing = (numeric(one) === null) - (numeric(other) === null);
            return missing !== 0 && (numeric(one) ?? numeric(other)) !== null ? missing : sign * compared(one, other);
          });
        }
        body.append(...rows);
      });
    });
  }

  function filterable(figure, table) {
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "Filter rows";
    const caption = figure.querySelector("figcaption")?.textContent ?? table.tHead.textContent;
    field.setAttribute("aria-label", `Filter rows: ${caption}`);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const row of table.tBodies[0].rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
    figure.querySelector(".scroll").before(field);
  }

  for (const figure of document.querySelectorAll("figure.table:not(.compact)")) {
    const table = figure.querySelector("table");
    // Where each row has its own unit, a column has no order.
    if (table.tBodies[0].rows.length > 2 && !figure.classList.contains("mixed")) sortable(table);
    if (table.tBodies[0].rows.length > 15) filterable(figure, table);
  }
})();
