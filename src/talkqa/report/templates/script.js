"use strict";
(() => {
  const root = document.documentElement;
  root.classList.remove("nojs");
  const $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const ALIASES = { broken: ["failed", "late"], unproven: ["undecided", "not_runnable"] };
  const KEYS = { a: "", f: "s:broken", u: "s:unproven", p: "s:passed" };
  let payload = null;
  let rows = null;
  let query = "";
  let at = "";

  // --- what is folded away: exchanges, and in large reports the flows' bodies -------------------------------------
  async function load() {
    if (payload) return payload;
    const raw = Uint8Array.from(atob($("payload").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
    payload = JSON.parse(await new Response(stream).text());
    return payload;
  }

  async function fill(flow) {
    const inside = flow.querySelector(":scope > .in");
    if (inside.firstElementChild || !flow.id) return;
    const { flows } = await load();
    if (!inside.firstElementChild && flows[flow.id]) inside.innerHTML = flows[flow.id]; // escaped by its writer
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function pretty(text) {
    try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
  }

  function part(title, headers, body) {
    const box = element("div");
    box.append(element("b", title));
    for (const [name, value] of Object.entries(headers)) box.append(element("div", `${name}: ${value}`, "mono soft"));
    box.append(body ? element("pre", pretty(body)) : element("div", "no body", "soft"));
    return box;
  }

  async function showExchanges(check) {
    const places = all("[data-x]", check).map((place) => [place, place.dataset.x.split(" ")]);
    for (const [place] of places) place.removeAttribute("data-x"); // at once: opening tells twice
    if (!places.length) return;
    const { strings, exchanges } = await load();
    for (const [place, numbers] of places) {
      place.textContent = "";
      for (const number of numbers) {
        const [method, url, status, at_s, request, response, headers] = exchanges[number];
        const box = element("details");
        const head = element("summary");
        head.append(element("b", method), element("span", strings[url], "mono url"),
          element("b", status || "no answer", status >= 400 || !status ? "ink k-failed" : "ink k-passed"),
          element("time", `${at_s.toFixed(1)} s`));
        box.append(head);
        box.addEventListener("toggle", () => {
          if (box.children.length > 1) return;
          const two = element("div", undefined, "two");
          two.append(part("Request", JSON.parse(strings[headers]), strings[request]), part("Answer", {}, strings[response]));
          box.append(two);
        });
        place.append(box);
      }
    }
  }

  // --- search --------------------------------------------------------------------------------------------------------
  async function index() {
    if (rows) return rows;
    await Promise.all(all("details.flow[id]").map(fill));
    rows = all("details.check").map((box) => {
      const flow = box.closest(".flow");
      const group = box.closest(".rule-group");
      const text = [box.querySelector("summary").textContent, box.querySelector(".meta").textContent,
        group.querySelector(".rule")?.textContent, flow.querySelector(".name").textContent].join(" ").toLowerCase();
      return { box, flow, group, text, outcome: box.dataset.s, cause: box.dataset.c || "", tags: (box.dataset.t || "").split(" ") };
    });
    return rows;
  }

  function parse(text) {
    const terms = [];
    for (const [, not, kind, quoted, bare] of text.toLowerCase().matchAll(/(!?)(s:|c:|@)?(?:"([^"]*)"?|(\S+))/g)) {
      terms.push({ not: !!not, kind: kind || "", value: quoted ?? bare });
    }
    return terms;
  }

  function holds({ kind, value }, row) {
    if (kind === "s:") return (ALIASES[value] || [value]).includes(row.outcome);
    if (kind === "c:") return row.cause === value;
    if (kind === "@") return row.tags.includes(value);
    return row.text.includes(value);
  }

  function matches(terms, row) {
    const wanted = terms.filter((t) => t.kind === "s:" && !t.not);
    if (wanted.length && !wanted.some((t) => holds(t, row))) return false;
    return terms.every((t) => wanted.includes(t) || holds(t, row) !== t.not);
  }

  async function filter() {
    const terms = parse(query);
    for (const link of all(".counts a")) link.toggleAttribute("aria-current", link.dataset.q === query.trim());
    $("q").value !== query && document.activeElement !== $("q") && ($("q").value = query);
    if (!terms.length && !rows) return;
    const found = await index();
    const flows = new Map();
    const groups = new Map();
    const hidden = new Set();
    let shown = 0;
    for (const row of found) {
      const fits = matches(terms, row);
      row.box.hidden = !fits;
      if (fits) shown += 1; else hidden.add(row.box.id);
      flows.set(row.flow, (flows.get(row.flow) || 0) + fits);
      groups.set(row.group, (groups.get(row.group) || 0) + fits);
    }
    for (const [group, number] of groups) group.hidden = !number;
    for (const flow of all(".flow")) {
      flow.hidden = terms.length > 0 && !flows.get(flow);
      if (terms.length && flows.get(flow) && flows.size <= 400 && found.length <= 4000) flow.open = true;
    }
    for (const extra of all(".extra")) extra.hidden = terms.length > 0;
    for (const section of all("section.doc")) section.hidden = terms.length > 0 && !section.querySelector(".flow:not([hidden])");
    for (const item of all("[data-nav]")) item.hidden = !!$(item.dataset.nav)?.hidden;
    for (const item of all("[data-for]")) item.hidden = hidden.has(item.dataset.for);
    for (const card of all(".finding")) card.hidden = !card.querySelector("li:not([hidden])");
    $("signoff").hidden = terms.length > 0;
    if ($("attention")) $("attention").hidden = !document.querySelector(".finding:not([hidden])");
    $("none").hidden = shown > 0 || !terms.length;
    $("shown").textContent = terms.length ? `${shown} of ${found.length} checks` : "";
  }

  // --- every state is an address -----------------------------------------------------------------------------------
  function address() {
    const parts = [];
    if (query) parts.push(`q=${encodeURIComponent(query).replaceAll("%3A", ":").replaceAll("%40", "@")}`);
    if (at) parts.push(`at=${at}`);
    return `#${parts.length ? `?${parts.join("&")}` : ""}`;
  }

  function remember() {
    history.replaceState(null, "", address());
  }

  async function goTo(id, { open = true } = {}) {
    let target = $(id);
    if (!target && id.startsWith("c")) { await index(); target = $(id); }
    if (!target) return;
    for (const outer of all(".at")) outer.classList.remove("at");
    for (let up = target; up; up = up.parentElement) if (up.tagName === "DETAILS" && (open || up !== target)) up.open = true;
    if (target.matches(".check")) { target.classList.add("at"); if (open) await showExchanges(target); at = id; }
    target.scrollIntoView({ block: target.matches(".check") ? "center" : "start" });
    target.querySelector("summary")?.focus({ preventScroll: true });
  }

  async function follow() {
    const hash = location.hash.slice(1);
    if (hash.startsWith("?")) {
      const wanted = new URLSearchParams(hash.slice(1));
      query = wanted.get("q") || "";
      at = wanted.get("at") || "";
      $("q").value = query;
      await filter();
      if (at) await goTo(at);
    } else if (hash) {
      if ($(hash)?.hidden || $(hash)?.closest("[hidden]")) { query = ""; $("q").value = ""; await filter(); }
      await goTo(hash);
      if (hash.startsWith("c")) remember();
    }
  }

  // --- keys, buttons -----------------------------------------------------------------------------------------------
  async function move(by) {
    const visible = (await index()).map((row) => row.box).filter((box) => !box.hidden);
    if (!visible.length) return;
    const now = visible.findIndex((box) => box.id === at);
    const next = visible[now < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(visible.length - 1, Math.max(0, now + by))];
    await goTo(next.id, { open: false });
    remember();
  }

  function turnTheme() {
    const next = { "": "dark", dark: "light", light: "" }[root.dataset.theme || ""];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    try { localStorage.setItem("talkqa-theme", next); } catch { /* a page from file:// may have no storage */ }
    $("theme").textContent = `Theme: ${next || "system"}`;
  }

  function search(text) {
    query = text;
    remember();
    return filter();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open) return;
    if (event.target.matches("input, textarea, select")) {
      if (event.key === "Escape") { $("q").value = ""; search(""); $("q").blur(); }
      return;
    }
    const key = event.key;
    if (key in KEYS) { $("q").value = KEYS[key]; search(KEYS[key]).then(() => scrollTo(0, 0)); }
    else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
    else if (key === "o" && at && $(at)) $(at).open = !$(at).open;
    else if (key === "t") turnTheme();
    else if (key === "?") $("keys").showModal();
    else if (key === "/" || key === "s") $("q").focus();
    else if (key === "Escape") { at = ""; $("q").value = ""; search(""); }
    else return;
    event.preventDefault();
  });

  document.addEventListener("toggle", (event) => {
    const box = event.target;
    if (!box.open || !(box instanceof HTMLDetailsElement)) return;
    if (box.matches(".flow")) fill(box);
    if (box.matches(".check")) showExchanges(box);
  }, true);

  document.addEventListener("click", async (event) => {
    const summary = event.target.closest(".check > summary");
    if (summary) { at = summary.parentElement.open ? "" : summary.parentElement.id; remember(); }
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    const text = copy.previousElementSibling;
    try { await navigator.clipboard.writeText(text.textContent); copy.textContent = "Copied"; } catch {
      getSelection().selectAllChildren(text); // no clipboard here: select it, so that one key copies it
      copy.textContent = "Selected: press Ctrl+C";
    }
  });

  let waiting = 0;
  $("q").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => search($("q").value), 120); });
  $("theme").addEventListener("click", turnTheme);
  $("help").addEventListener("click", () => $("keys").showModal());
  $("unfold").addEventListener("click", async () => {
    const open = $("unfold").textContent === "Unfold all";
    await index();
    for (const flow of all(".flow")) flow.open = open;
    $("unfold").textContent = open ? "Fold all" : "Unfold all";
  });
  try { const kept = localStorage.getItem("talkqa-theme"); if (kept) root.dataset.theme = kept; } catch { /* see above */ }
  addEventListener("hashchange", follow);
  follow();
})();
