"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
const AT_A_TIME = 20;
const byId = (id) => document.getElementById(id);
const state = { list: null, nShown: AT_A_TIME, found: [], selected: null, map: null };

const KINDS = {
  order: {
    name: "Wrong order", pair: true,
    sorts: {
      "widest gap": (entry) => entry.width,
      "gap of labels": (entry) => entry.labelGap,
      "gap of predictions": (entry) => -entry.gap,
      "seeds that agree": (entry) => entry.wrongSeeds,
    },
  },
  error: {
    name: "Largest errors", pair: false,
    sorts: {
      "largest error": (entry) => Math.abs(entry.error),
      "too high": (entry) => entry.error,
      "too low": (entry) => -entry.error,
      "seeds disagree": (entry) => entry.spread,
    },
  },
  weight: {
    name: "Hardest pairs", pair: true,
    sorts: {
      "weight × violation": (entry) => entry.pull,
      weight: (entry) => entry.weight,
      violation: (entry) => entry.violation,
      "gap of labels": (entry) => entry.labelGap,
      "gap of scores": (entry) => -mean(entry.gaps),
    },
  },
  pull: {
    name: "Most pulled at", pair: false,
    sorts: {
      pull: (entry) => entry.times,
      "scored too low": (entry) => entry.times * entry.above,
      "scored too high": (entry) => entry.times * (1 - entry.above),
      "weight beyond 1": (entry) => entry.extra,
      "among the hardest pairs": (entry) => page.segments[entry.segment].inHardest,
    },
  },
  map: { name: "Map", pair: false, sorts: COLOURINGS },
};
const SPLITS = {
  valid: "valid: choose by these",
  train: "train: what stage 1 pulls at",
  test: "test: never choose by these",
};
const WORDS = {
  given: "word times given by the corpus",
  forced: "words timed by forced alignment",
  proportional: "words spread over the voiced part",
  recognised: "words recognised roughly",
  none: "no words",
};
const ROWS = { text: "words", audio: "rows of sound", visual: "frames with a face" };

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
const groupName = (group) => page.groupNames[String(group)];
const isClasses = page.classes.length > 0;
const labelText = (value) => (isClasses ? page.classes[value] : page.binary ? String(value) : signed(value, 1));
const members = (entry) => (entry.segment === undefined ? [entry.above, entry.below] : [entry.segment]).map((n) => page.segments[n]);
const addressOf = (list, entry) => `${list.key}/${members(entry).map((segment) => encodeURIComponent(segment.id)).join("/")}`;

/* What a list is */

function about(list) {
  const { summary, split, kind } = list;
  const seeds = summary.seeds === 1 ? "by the one seed there is" : `in the mean over ${summary.seeds} seeds`;
  const nListed = list.entries.length;
  const sampled = summary.weighed < summary.train;
  const blocks = [];
  if (split === "test") {
    blocks.push(["warning", "This is the test split. Read it to understand a finished model; a parameter, a threshold or a removed segment that is chosen by it turns it into a second valid split."]);
  }
  if (kind === "order") {
    if (summary.comparable === 0) blocks.push(["", `No two segments of ${split} have different labels, so there is no order to get wrong.`]);
    else if (summary.wrong === 0) blocks.push(["", `No pair of ${split} is in the wrong order ${seeds}: ${summary.comparable === 1 ? "the one pair with different labels is" : `all ${plural(summary.comparable, "pair")} with different labels are`} ordered rightly or tied.`]);
    else blocks.push(["", `${plural(summary.wrong, "pair")} of ${summary.comparable.toLocaleString("en")} with different labels (${(100 * summary.wrong / summary.comparable).toFixed(1)}\u00a0%) ${summary.wrong === 1 ? "is" : "are"} in the wrong order ${seeds}. ${nListed < summary.wrong ? `Here are the ${nListed} widest` : "All are here"}; the gap of a pair is the distance of its labels plus the distance by which its predictions are in the wrong order.`]);
    if (summary.within !== "any") blocks.push(["", `Only pairs of the same ${summary.within} and pairs of trusted segments are compared (margin.within): labels of others are on scales of their own.`]);
  } else if (kind === "error") {
    blocks.push(["", `The ${nListed === summary.segments ? "" : `${nListed} of `}${plural(summary.segments, "segment")} of ${split}, farthest from the label ${seeds} first.`]);
  } else if (kind === "map") {
    blocks.push(...aboutMap(list).map((text, position) => [position ? "small" : "", text]));
  } else if (kind === "weight") {
    if (nListed === 0) blocks.push(["", "All segments of train are of one group, so stage 1 compares no pair."]);
    else if (summary.bounded) blocks.push(["", `Of ${plural(summary.comparable, "pair")} of different groups, the ${nListed} that the loss believes least (the smallest weights) or that add most to it (weight × violation) at the end of stage 1, ${sampled ? "the sample" : "all of train"} taken as one batch. Weights are bounded: one below 0.5 says that the labels of the two contradict the scores so much that one of them may be wrong.`]);
    else blocks.push(["", `Of ${plural(summary.comparable, "pair")} of different groups, the ${nListed} that weigh most or add most to the loss (weight × violation) at the end of stage 1, ${sampled ? "the sample" : "all of train"} taken as one batch. A weight above 1 (up to ${summary.cap}) says that a pair is harder than its peers; what it adds to the loss says whether that matters.`]);
    if (summary.strength === 0 && !summary.bounded) blocks.push(["small", "advantage.strength is 0, so all pairs weigh 1."]);
  } else {
    blocks.push(["", `How much the pairs of a segment add to the loss of stage 1 (weight × violation, summed ${seeds}), as a multiple of the mean over ${sampled ? "the sample" : "train"}. A segment that stands out (beyond ${number(summary.fence)} times, Tukey's fence) is very hard or wrongly labelled: look and listen before you believe its label. Training fits some wrong labels, so a label further down is not thereby right.`]);
  }
  if (sampled) blocks.push(["", `Train has ${plural(summary.train, "segment")}, too many to weigh every pair: these are of a random sample of ${summary.weighed.toLocaleString("en")}.`]);
  if ((kind === "weight" || kind === "pull") && summary.objective !== "groupwise") {
    blocks.push(["warning", `Stage 1 was trained by ${summary.objective}, which knows no margins and no weights; these are what the groupwise loss would give its scores.`]);
  }
  return blocks.map(([kindOf, text]) => element("p", { class: kindOf || null }, text));
}

/* Clips */

const watcher = new IntersectionObserver((changes) => {
  for (const change of changes) {
    if (!change.isIntersecting) continue;
    watcher.unobserve(change.target);
    change.target.preload = "metadata";  // the first picture, and whether there is a file at all
  }
}, { rootMargin: "200px" });

function clip(segment) {
  if (!page.withText) return element("p", { class: "no-media" }, "recording left out of this copy");
  if (!segment.clip) return element("p", { class: "no-media" }, "the corpus has no recording of this segment");
  const media = element(segment.clip.element, {
    src: segment.clip.source, controls: true, preload: "none", playsinline: true, "aria-label": `recording of ${segment.id}`,
  });
  const [start, end] = segment.span;
  media.addEventListener("play", () => {
    if (media.currentTime < start - 0.05 || media.currentTime >= end - 0.1) media.currentTime = start;
    for (const other of document.querySelectorAll("video, audio")) {
      if (other !== media && !other.paused && other.dataset.with !== media.dataset.with) other.pause();
    }
  });
  media.addEventListener("timeupdate", () => {
    if (!media.paused && media.currentTime >= end) media.pause();
  });
  media.addEventListener("error", () => {
    // Nothing is left to play side by side.
    media.closest("article")?.querySelector(".play")?.remove();
    media.replaceWith(element("p", { class: "no-media" }, "media not on this disk, or not in a format that this browser plays: ",
      element("code", {}, decodeURIComponent(segment.clip.source.split("#")[0]))));
  });
  watcher.observe(media);
  return element("div", { class: `clip ${segment.clip.element}` }, media);
}

const clipsOf = (article) => [...article.querySelectorAll("video, audio")];

function playAll(article) {
  const clips = clipsOf(article);
  for (const media of clips) media.dataset.with = article.id;
  for (const media of clips) media.play().catch(() => {});
}

async function playInTurn(article) {
  for (const media of clipsOf(article)) {
    delete media.dataset.with;
    media.currentTime = 0;
    try { await media.play(); } catch { continue; }
    // The end of the segment pauses it; a pause by hand, or by another clip, ends the turn.
    await new Promise((done) => {
      for (const event of ["pause", "ended", "error"]) media.addEventListener(event, done, { once: true });
    });
    const end = Number(media.src.split(",").pop());
    if (!media.ended && media.currentTime < end - 0.3) return;
  }
}

/* Segments and entries */

function card(segment, role) {
  const facts = [];
  if (segment.speaker) facts.push(`speaker ${segment.speaker}`);
  if (segment.video && segment.video !== segment.speaker) facts.push(segment.video);
  facts.push(`${number(segment.seconds, 1)} s${segment.span && segment.span[0] > 0 ? ` from ${number(segment.span[0], 1)} s` : ""}`, WORDS[segment.words]);
  const seen = Object.entries(segment.seen).map(([modality, [valid, rows]]) =>
    element("li", { class: valid === 0 ? "absent" : null }, valid === 0 ? `no ${modality}` : `${modality}: ${valid} of ${rows} ${ROWS[modality]}`));
  const suspicious = segment.standsOut && role !== "alone"
    ? element("p", { class: "note" }, `in ${segment.inHardest} of the hardest pairs; `, element("a", { href: `#train-pull/${encodeURIComponent(segment.id)}` }, "is its label right?"))
    : null;
  return element("div", { class: `card ${role}` },
    clip(segment),
    element("p", { class: "identity" },
      element("span", { class: "label-value" }, `label ${labelText(segment.label)}`),
      page.binary || isClasses ? null : element("span", { class: "group" }, `group ${groupName(segment.group)}`),
      element("code", {}, segment.id)),
    !page.withText ? null : segment.text ? element("blockquote", {}, segment.text.trim()) : element("p", { class: "quiet" }, "no transcript"),
    suspicious,
    element("p", { class: "quiet" }, facts.join(" · ")),
    element("ul", { class: "seen" }, ...seen),
    ...Object.entries(segment.failures || {}).map(([modality, why]) => element("p", { class: "note" }, `${modality}: ${why}`)));
}

function headline(list, entry) {
  const seeds = list.summary.seeds;
  const agreed = (count) => (seeds === 1 ? "" : ` in ${count} of ${seeds} seeds`);
  if (list.kind === "order") {
    const baseline = entry.baselineGap > 0 ? "; the baseline has it right" : entry.baselineGap < 0 ? "; so is it by the baseline" : "; tied by the baseline";
    return [`gap ${number(entry.width)}`, `${page.binary ? "" : `labels ${number(entry.labelGap, 1)} apart, `}predictions ${number(-entry.gap)} the other way; wrong${agreed(entry.wrongSeeds)}${baseline}`];
  }
  if (list.kind === "error" && isClasses) {
    const segment = page.segments[entry.segment];
    return [number(1 + entry.error), `probability of ${labelText(segment.label)}; most probable is ${segment.likeliest}; the baseline gives ${labelText(segment.label)} ${number(1 + entry.baselineError)}${seeds === 1 ? "" : `; seeds differ by ${number(entry.spread)}`}`];
  }
  if (list.kind === "map") {
    const segment = page.segments[entry.segment];
    if (isClasses) return [number(meanPrediction(segment)), `probability of ${labelText(segment.label)}; most probable is ${segment.likeliest}`];
    return [`predicted ${number(meanPrediction(segment))}`, `off by ${signed(errorOf(segment))}; the baseline predicts ${number(segment.baseline)}`];
  }
  if (list.kind === "error") {
    return [`${signed(entry.error)}`, `predicted too ${entry.error > 0 ? "high" : "low"}; the baseline is off by ${signed(entry.baselineError)}${seeds === 1 ? "" : `; seeds differ by ${number(entry.spread)}`}`];
  }
  if (list.kind === "weight") {
    return [`weight ${number(entry.weight)}`, `× violation ${number(entry.violation)}; scores ${signed(mean(entry.gaps))} apart, margin ${number(entry.margin)}: ${entry.wrongSeeds > 0 ? `wrong order${agreed(entry.wrongSeeds)}` : Math.min(...entry.gaps) < entry.margin ? "in order, but not by the margin in every seed" : "keeps its margin"}`];
  }
  const segment = page.segments[entry.segment];
  const direction = entry.above >= 0.5
    ? `${percent(entry.above)} of it upwards: scored lower than its label asks`
    : `${percent(1 - entry.above)} of it downwards: scored higher than its label asks`;
  return [`${number(entry.times, 1)} ×`, `the mean pull, ${direction}; weight beyond 1: ${number(entry.extra, 1)} over ${plural(entry.pairs, "pair")}; in ${segment.inHardest} of the ${list.summary.kept} hardest pairs`];
}

function strips(list, entry) {
  const [first, second] = members(entry);
  const rows = (dots, label, written) => [[first, second ? "upper" : "alone"], [second, "lower"]]
    .filter(([segment]) => segment)
    .map(([segment, kind]) => ({ name: kind === "alone" ? "" : kind, kind, dots: dots(segment), label: label(segment), labelWritten: written(segment), baseline: list.split === "train" ? undefined : segment.baseline }));
  if (list.split !== "train") {
    const [low, high] = page.axis;
    return [strip(rows((segment) => segment.predictions, (segment) => (isClasses ? 1 : segment.label), (segment) => labelText(segment.label)), {
      low, high, ticks: ticksOf(low, high), written: (value, isTick) => (isTick ? String(Number(value.toFixed(2))).replace("-", "−") : number(value)),
      axis: isClasses ? "probability of its own class" : page.binary ? "probability of 1" : "prediction in label units",
    })];
  }
  const drawn = [strip(rows((segment) => segment.order, (segment) => segment.labelOrder, (segment) => percent(segment.labelOrder)), {
    low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1], written: (value) => percent(value),
    axis: isClasses ? "place in the order of train by the score of its own class" : "place in the order of train, by score and by label",
  })];
  if (list.kind === "weight") {
    const low = Math.min(0, ...entry.gaps), high = Math.max(entry.margin, ...entry.gaps);
    drawn.push(strip([{ name: "", kind: "alone", dots: entry.gaps }], {
      low, high, ticks: ticksOf(low, high), written: (value, isTick) => (isTick ? String(Number(value.toFixed(2))).replace("-", "−") : signed(value)),
      marks: [{ at: 0, kind: "zero", title: "wrong order left of here" }, { at: entry.margin, kind: "margin", title: `margin ${number(entry.margin)}` }],
      axis: "score of the upper minus that of the lower; dashed: the margin",
    }));
  }
  return drawn;
}

function draw(list, entry, rank) {
  const [amount, sentence] = headline(list, entry);
  const address = addressOf(list, entry);
  const segments = members(entry);
  const playable = page.withText && segments.length === 2 && segments.every((segment) => segment.clip);
  const article = element("article", { id: address, tabindex: "-1", class: segments.length === 2 ? "pair" : "single" },
    element("h3", {},
      element("a", { class: "address", href: `#${address}`, title: "link to this entry" }, rank === null ? "#" : `#${rank}`),
      element("span", { class: "amount" }, amount),
      list.kind === "pull" && segments[0].standsOut ? element("span", { class: "flag" }, "stands out") : null,
      element("span", { class: "sentence" }, sentence)),
    element("div", { class: "cards" },
      ...(segments.length === 2 ? [card(segments[0], "upper"), card(segments[1], "lower")] : [card(segments[0], "alone")])),
    playable ? element("p", { class: "play" },
      element("button", { type: "button", "data-play": "all" }, "▶ Play both"),
      element("button", { type: "button", "data-play": "turn" }, "▶ One, then the other")) : null,
    element("div", { class: "strips" }, ...strips(list, entry)));
  article.querySelector("[data-play=all]")?.addEventListener("click", () => playAll(article));
  article.querySelector("[data-play=turn]")?.addEventListener("click", () => playInTurn(article));
  return article;
}

/* Filters */

function haystack(segment) {
  return [segment.id, segment.text, segment.speaker, segment.video].filter(Boolean).join("\n").toLocaleLowerCase();
}

function matches(entry) {
  const segments = members(entry);
  const words = byId("search").value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const speaker = byId("speaker").value, upper = byId("upper").value, lower = byId("lower").value;
  return (!speaker || segments.some((segment) => segment.speaker === speaker.slice(1)))
    && (!upper || String(segments[0].group) === upper)
    && (!lower || segments.length === 1 || String(segments[1].group) === lower)
    && (words.length === 0 || segments.some((segment) => { const text = haystack(segment); return words.every((word) => text.includes(word)); }));
}

function eachOnce(entries) {
  const used = new Set();
  return entries.filter((entry) => {
    const pair = [entry.above, entry.below];
    if (pair.some((segment) => used.has(segment))) return false;
    pair.forEach((segment) => used.add(segment));
    return true;
  });
}

function refresh() {
  const { list } = state, kind = KINDS[list.kind];
  if (list.kind === "map") { refreshMap(list); return; }
  const key = kind.sorts[byId("sort").value];
  const found = list.entries.filter(matches);
  // The first order is that of the file, whose ties are settled; sorting is stable.
  if (byId("sort").selectedIndex > 0) found.sort((a, b) => key(b) - key(a));
  state.found = kind.pair && byId("once").checked ? eachOnce(found) : found;
  const visible = state.found.slice(0, state.nShown);
  byId("entries").replaceChildren(...visible.map((entry, position) => draw(list, entry, position + 1)));
  const total = list.entries.length, left = state.found.length - visible.length;
  byId("count").textContent = total === 0 ? "" : state.found.length === total ? `${plural(total, kind.pair ? "pair" : "segment")}` : `${state.found.length} of ${plural(total, kind.pair ? "pair" : "segment")}${state.found.length ? "" : ": nothing fits these filters"}`;
  byId("more").hidden = left === 0;
  byId("more").textContent = `Show ${Math.min(AT_A_TIME, left)} more`;
}

function options(select, first, values) {
  select.replaceChildren(element("option", { value: "" }, first), ...values.map(([value, text]) => element("option", { value }, text)));
}

function open(list) {
  state.list = list;
  state.nShown = AT_A_TIME;
  state.selected = null;
  const kind = KINDS[list.kind];
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.dataset.key === list.key);
  byId("about").replaceChildren(element("h2", {}, `${kind.name}: ${list.split}`), ...about(list));
  const all = list.entries.flatMap(members);
  const groups = (place) => [...new Set(list.entries.map((entry) => members(entry)[place].group))].sort((a, b) => b - a).map((group) => [String(group), groupName(group)]);
  // A prefix, because the empty value is the option for everybody.
  options(byId("speaker"), "everybody", [...new Set(all.map((segment) => segment.speaker))].filter(Boolean).sort().map((name) => [`=${name}`, name]));
  options(byId("upper"), "any", groups(0));
  options(byId("lower"), "any", kind.pair ? groups(1) : []);
  byId("upper-label").firstChild.data = kind.pair ? "Upper group " : "Group ";
  byId("lower-label").hidden = byId("once-label").hidden = !kind.pair;
  byId("sort-label").firstChild.data = list.kind === "map" ? "Colour by " : "Sort by ";
  byId("sort").replaceChildren(...Object.keys(kind.sorts).map((name) => element("option", {}, name)));
  byId("filters").hidden = list.entries.length === 0;
  byId("search").value = "";
  byId("once").checked = false;
  refresh();
}

/* Addresses: #list, or #list/id of a segment, or #list/id/id of a pair */

function follow() {
  const hash = location.hash.slice(1);
  let list = page.lists.find((each) => hash === each.key || hash.startsWith(`${each.key}/`));
  const isKnown = list !== undefined;
  list ??= page.lists[0];
  if (list !== state.list) open(list);
  if (!isKnown || hash === list.key) return;
  let ids;
  try { ids = hash.split("/").slice(1).map(decodeURIComponent); } catch { return; }
  const isIt = (entry) => members(entry).map((segment) => segment.id).join("\n") === ids.join("\n");
  let place = state.found.findIndex(isIt);
  if (place < 0 && list.entries.some(isIt)) {
    open(list);
    place = state.found.findIndex(isIt);
  }
  if (place < 0) {
    byId("count").textContent = `The linked entry is not in this list any more: ${ids.join(" and ")}.`;
    return;
  }
  if (list.kind === "map") {
    selectDot(state.found[place]);
    byId("entries").querySelector("article").scrollIntoView({ block: "nearest" });
    return;
  }
  if (place >= state.nShown) {
    state.nShown = Math.ceil((place + 1) / AT_A_TIME) * AT_A_TIME;
    refresh();
  }
  focusOn(byId("entries").children[place]);
}

function focusOn(article) {
  for (const marked of document.querySelectorAll("article.current")) marked.classList.remove("current");
  article.classList.add("current");
  article.focus({ preventScroll: true });
  article.scrollIntoView({ block: "start" });
}

/* Start */

for (const [split, heading] of Object.entries(SPLITS)) {
  const lists = page.lists.filter((list) => list.split === split);
  if (lists.length === 0) continue;
  byId("lists").append(element("div", { class: `of ${split}` }, element("span", {}, heading), element("div", {},
    ...lists.map((list) => element("a", { href: `#${list.key}`, "data-key": list.key }, KINDS[list.kind].name, element("small", {}, String(list.entries.length)))))));
}
const filters = byId("filters");
for (const event of ["input", "change"]) filters.addEventListener(event, () => { state.nShown = AT_A_TIME; refresh(); });
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(() => { state.nShown = AT_A_TIME; refresh(); }));
byId("more").addEventListener("click", () => { state.nShown += AT_A_TIME; refresh(); });
addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") document.activeElement.blur();
  if (event.target.closest("input, select, textarea")) return;
  const articles = [...byId("entries").querySelectorAll("article")];
  const current = articles.findIndex((article) => article.classList.contains("current"));
  if (event.key === "/") { event.preventDefault(); byId("search").focus(); }
  else if (state.list.kind === "map" && (event.key === "j" || event.key === "k")) {
    const next = state.found[state.found.indexOf(state.selected) + (event.key === "j" ? 1 : -1)];
    if (next) selectDot(next);
  }
  else if (event.key === "j" && articles[current + 1]) focusOn(articles[current + 1]);
  else if (event.key === "k" && articles[current - 1]) focusOn(articles[current - 1]);
  else if (event.key === "p" && articles[current]) playAll(articles[current]);
  else if (event.key === "o" && articles[current]) playInTurn(articles[current]);
  else if (/^[1-9]$/.test(event.key) && page.lists[event.key - 1]) location.hash = page.lists[event.key - 1].key;
});
follow();
