// Sorting: a button in each column head; numbers the largest first.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const body = head.closest("table").tBodies[0];
    const column = head.cellIndex;
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const numbers = head.classList.contains("number");
    const before = head.getAttribute("aria-sort");
    const up = before ? before === "descending" : !numbers;
    const compare = numbers
      ? (a, b) => value(a) - value(b)
      : (a, b) => value(a).localeCompare(value(b));
    const rows = [...body.rows].sort((a, b) => (up ? compare(a, b) : compare(b, a)));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...rows);
  });
}

// Errors
(() => {
  const list = document.getElementById("error-list");
  if (!list) return;
  const PAGE = 50;
  const NAME = 0, TEXT = 1, LANG = 2, GOLD = 3, PREDICTED = 4, ERRORS = 5, BASELINE = 6;
  const START = 0, END = 1, LABEL = 2;
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const page = document.getElementById("page");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");
  const haystacks = data.texts.map((row) => `${row[NAME]}\n${row[TEXT]}`.toLowerCase());
  let found = [];
  let current = 0;

  const isSame = (a, b) => a.every((value, index) => value === b[index]);
  const spanOf = (row, [side, index]) => row[side === 0 ? GOLD : PREDICTED][index];

  // displaCy's style "ent" shows no overlaps. Each entity goes onto the first line where it fits.
  function lines(spans) {
    const result = [];
    for (const span of [...spans].sort((a, b) => a[START] - b[START] || b[END] - a[END])) {
      const line = result.find((others) => others.at(-1)[END] <= span[START]);
      if (line) line.push(span);
      else result.push([span]);
    }
    return result.length ? result : [[]];
  }

  function entities(row, spans, right, wrong) {
    return lines(spans).map((line) => {
      const box = element("div", "entities");
      box.dir = "auto";
      if (row[LANG]) box.lang = row[LANG];
      let last = 0;
      for (const span of line) {
        const mark = element("mark", "entity", row[TEXT].slice(span[START], span[END]));
        const label = element("span", "", data.labels[span[LABEL]]);
        label.dir = "ltr";
        mark.style.background = data.colours[span[LABEL]];
        if (!right.some((other) => isSame(span, other))) {
          mark.classList.add("wrong");
          label.append(element("span", "hidden", ` (${wrong})`));
        }
        mark.append(label);
        box.append(row[TEXT].slice(last, span[START]), mark);
        last = span[END];
      }
      box.append(row[TEXT].slice(last));
      return box;
    });
  }

  function view(name, boxes) {
    return element("div", "", element("dt", "", name), element("dd", "", ...boxes));
  }

  function describe(row, error) {
    const [side, , kind, stage] = error;
    const span = spanOf(row, error);
    const surface = element("q", "", row[TEXT].slice(span[START], span[END]));
    surface.dir = "auto";
    const where = side === 0 ? "gold" : "predicted";
    return element(
      "li", "",
      element("b", "", data.kinds[kind]), `: ${where} ${data.labels[span[LABEL]]} `, surface,
      ", stage ", element("b", "", data.stages[stage]),
    );
  }

  function article(row) {
    const views = element(
      "dl", "views",
      view("Gold", entities(row, row[GOLD], row[PREDICTED], "not predicted")),
      view("Predicted", entities(row, row[PREDICTED], row[GOLD], "not gold")),
    );
    if (data.baseline) {
      views.append(view("Baseline", entities(row, row[BASELINE], row[GOLD], "not gold")));
    }
    const errors = element("ul", "found", ...row[ERRORS].map((error) => describe(row, error)));
    return element("li", "", element("h3", "", row[NAME]), views, errors);
  }

  function show() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    current = Math.min(Math.max(current, 0), pages - 1);
    const first = current * PAGE;
    const rows = found.slice(first, first + PAGE);
    list.replaceChildren(...rows.map((number) => article(data.texts[number])));
    const total = `${found.length.toLocaleString("en")} of ${data.texts.length.toLocaleString("en")}`;
    const range = rows.length ? `; ${first + 1} to ${first + rows.length} shown` : "";
    status.textContent = `${total} texts match${range}.`;
    page.textContent = `Page ${current + 1} of ${pages}`;
    // Not "disabled": the button that was just pressed would lose the focus.
    previous.setAttribute("aria-disabled", current === 0);
    next.setAttribute("aria-disabled", current === pages - 1);
  }

  function filter() {
    const wanted = (name) => (form.elements[name].value === "" ? null : +form.elements[name].value);
    const label = wanted("label"), kind = wanted("kind"), stage = wanted("stage");
    const text = form.elements.text.value.trim().toLowerCase();
    const fits = (row) => row[ERRORS].some((error) =>
      (label === null || spanOf(row, error)[LABEL] === label) &&
      (kind === null || error[2] === kind) &&
      (stage === null || error[3] === stage));
    found = [];
    data.texts.forEach((row, number) => {
      if (haystacks[number].includes(text) && fits(row)) found.push(number);
    });
    current = 0;
    show();
  }

  function turn(pages) {
    const before = current;
    current += pages;
    show();
    if (current !== before) list.scrollIntoView();
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  previous.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  filter();
})();
