// Keeps the page as the server would write it now. Without this script it is read as it was loaded.

const lost = document.querySelector(".lost");

// -- countdowns: from the server's span, not from this machine's clock, which may be wrong

let loadedAt = performance.now();

function spanOf(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const left = Math.max(0, Math.round(seconds));
  for (const [index, [size, unit]] of units.entries()) {
    if (left >= size) {
      const rest = index + 1 < units.length ? Math.floor((left % size) / units[index + 1][0]) : 0;
      const text = `${Math.floor(left / size)} ${unit}`;
      return rest ? `${text} ${rest} ${units[index + 1][1]}` : text;
    }
  }
  return "0 s";
}

let serverAhead = 0; // milliseconds

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  const passed = (performance.now() - loadedAt) / 1000;
  for (const each of document.querySelectorAll("[data-until]"))
    put(each, spanOf((Date.parse(each.dataset.until) - Date.now() - serverAhead) / 1000));
  for (const each of document.querySelectorAll("[data-seconds]"))
    put(each, spanOf(Number(each.dataset.seconds) - passed));
  for (const each of document.querySelectorAll("[data-dies]"))
    if (Number(each.dataset.dies) <= passed) blank(each);
}

function blank(code) {
  const gone = code.nextElementSibling;
  if (gone) gone.hidden = false;
  code.remove();
}

function local(root) {
  for (const each of root.querySelectorAll("[data-at]")) {
    const when = new Date(each.dateTime);
    each.textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    each.title = each.dateTime;
  }
}

// -- the parts that changed take the place of the old ones

let refreshing = false;
let again = false;

async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.pathname.split("/").length > 3 ? "/" : location.pathname, {
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(5000),
      });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error("no answer");
      serverAhead = Date.parse(answer.headers.get("date")) - Date.now();
      if (Math.abs(serverAhead) < 2000) serverAhead = 0; // `Date` has whole seconds
      replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
      lost && (lost.hidden = true);
    } while (again);
  } catch {
    lost && (lost.hidden = false);
    setTimeout(refresh, 2000); // what changed is not said again
  } finally {
    refreshing = false;
  }
}

function replaceParts(fresh) {
  loadedAt = performance.now();
  if (document.title !== fresh.title) document.querySelector(".announce").textContent = fresh.title;
  document.title = fresh.title;
  for (const part of fresh.querySelectorAll("[data-live]")) {
    const old = document.querySelector(`[data-live="${part.dataset.live}"]`);
    if (!old) continue;
    if (old.source === undefined) old.source = old.outerHTML;
    const source = part.outerHTML;
    if (old.source === source) continue;
    const focus = old.contains(document.activeElement) ? place(old, document.activeElement) : -1;
    const made = document.importNode(part, true);
    made.source = source;
    local(made);
    old.replaceWith(made);
    showState(made);
    if (focus >= 0) made.querySelectorAll(FOCUSABLE)[focus]?.focus();
  }
  tick();
}

// On a narrow screen the chart is wider than its frame: the state of now is in the middle.
function showState(part) {
  const frame = part.querySelector(".drawing"), now = frame?.querySelector(".now");
  if (!now) return;
  const [outer, inner] = [frame, now].map((each) => each.getBoundingClientRect());
  frame.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

const FOCUSABLE = "a, button, input, [tabindex]";

function place(part, element) {
  return [...part.querySelectorAll(FOCUSABLE)].indexOf(element);
}

// -- being told

function follow() {
  const events = new EventSource("/events");
  events.addEventListener("change", refresh);
  events.addEventListener("over", () => location.reload());
  events.addEventListener("error", () => {
    lost && (lost.hidden = false);
    if (events.readyState === EventSource.CLOSED) setTimeout(again_, 3000);
  });
  function again_() {
    refresh();
    follow();
  }
}

const followed = document.querySelector("[data-follow]");
if (followed) {
  for (const part of document.querySelectorAll("[data-live]")) part.source = part.outerHTML;
  local(document);
  showState(document);
  tick();
  setInterval(tick, 500);
  setInterval(() => document.hidden || refresh(), 1000 * (followed.dataset.follow || 30));
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  follow();
}
