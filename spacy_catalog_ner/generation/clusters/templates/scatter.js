(() => {
  const GRID = 9999, MARGIN = 12, PAGE = 50, REACH = 16;
  const count = data.text.length;
  const canvas = document.getElementById("canvas");
  const brush = canvas.getContext("2d");
  const tip = document.getElementById("tip");
  const form = document.getElementById("filters");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const haystacks = data.text.map((text) => text.toLowerCase());
  const representatives = new Set(data.representatives.flat().concat(data.rare));
  const rare = new Set(data.rare);
  // Of one colour after the other: to change it takes longer than to draw a point.
  const order = data.text.map((_, point) => point)
    .sort((a, b) => data.cluster[a] - data.cluster[b] || a - b);
  const fits = new Uint8Array(count).fill(1);
  const view = {zoom: 1, x: 0.5, y: 0.5};  // the middle of what is shown, 0 to 1
  let found = order;
  let current = -1;
  let width = 0, height = 0;

  // Steps of the golden angle keep the colours of clusters next to each other apart.
  function colour(cluster) {
    if (cluster < 0) return getComputedStyle(canvas).getPropertyValue("--noise");
    const light = (dark.matches ? 58 : 38) + 7 * (cluster % 3);
    return `hsl(${(cluster * 137.508) % 360} 70% ${light}%)`;
  }

  const left = (point) => MARGIN + (width - 2 * MARGIN) *
    ((data.x[point] / GRID - view.x) * view.zoom + 0.5);
  const top = (point) => MARGIN + (height - 2 * MARGIN) *
    ((data.y[point] / GRID - view.y) * view.zoom + 0.5);
  const isInside = (x, y) => x > -MARGIN && y > -MARGIN && x < width + MARGIN && y < height + MARGIN;

  function drawPoints(size, wanted) {
    let last = null;
    for (const point of order) {
      if (fits[point] !== wanted) continue;
      const x = left(point), y = top(point);
      if (!isInside(x, y)) continue;
      if (data.cluster[point] !== last) {
        last = data.cluster[point];
        brush.fillStyle = colour(last);
      }
      brush.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }

  function ring(point, radius) {
    const x = left(point), y = top(point);
    if (!isInside(x, y)) return;
    brush.beginPath();
    brush.arc(x, y, radius, 0, 2 * Math.PI);
    brush.stroke();
  }

  function draw() {
    const scale = devicePixelRatio;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    brush.scale(scale, scale);
    const size = Math.min(8, (count > 20000 ? 2 : count > 2000 ? 3 : 5) * Math.sqrt(view.zoom));
    brush.globalAlpha = 0.15;
    drawPoints(size, 0);
    brush.globalAlpha = 1;
    drawPoints(size, 1);
    brush.strokeStyle = getComputedStyle(canvas).color;
    brush.lineWidth = 1;
    brush.globalAlpha = 0.7;
    for (const point of representatives) {
      if (fits[point]) ring(point, size / 2 + 2);
    }
    brush.globalAlpha = 1;
    if (current >= 0) {
      brush.lineWidth = 3;
      ring(current, size + 4);
    }
  }

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function nameOf(point) {
    const cluster = data.cluster[point];
    const where = cluster < 0 ? "no cluster" : `cluster ${cluster}`;
    if (rare.has(point)) return `${where}, rare`;
    return representatives.has(point) ? `${where}, representative` : where;
  }

  function showTip(point) {
    tip.hidden = point < 0;
    if (point < 0) return;
    tip.replaceChildren(data.text[point], element("br"), `(${nameOf(point)})`);
    const x = left(point), y = top(point);
    tip.style.left = `${Math.max(4, Math.min(x + 12, width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${y + 14 + tip.offsetHeight < height ? y + 14 : Math.max(4, y - 14 - tip.offsetHeight)}px`;
  }

  function select(point) {
    current = point;
    document.getElementById("current").textContent =
      point < 0 ? "" : `${data.text[point]} (${nameOf(point)})`;
    if (point >= 0 && !isInside(left(point), top(point))) {
      view.x = data.x[point] / GRID;
      view.y = data.y[point] / GRID;
    }
    showTip(point);
    redraw();
  }

  // The point with the least cost among those that fit; -1 if there is none.
  function cheapest(cost) {
    let best = -1, least = Infinity;
    for (let point = 0; point < count; point++) {
      if (!fits[point]) continue;
      const value = cost(point);
      if (value < least) { least = value; best = point; }
    }
    return best;
  }

  function pointAt(event) {
    const x = event.offsetX, y = event.offsetY;
    const distance = (point) => Math.hypot(left(point) - x, top(point) - y);
    const best = cheapest(distance);
    return best >= 0 && distance(best) <= REACH ? best : -1;
  }

  // The nearest in a direction: what lies aside counts twice, what lies more aside than ahead never.
  function step(dx, dy) {
    if (current < 0 || !fits[current]) {
      return cheapest((point) => Math.hypot(left(point) - width / 2, top(point) - height / 2));
    }
    const x = left(current), y = top(current);
    const next = cheapest((point) => {
      const ahead = (left(point) - x) * dx + (top(point) - y) * dy;
      const aside = Math.abs((left(point) - x) * dy) + Math.abs((top(point) - y) * dx);
      return ahead > 0.5 && aside <= ahead ? ahead + 2 * aside : Infinity;
    });
    return next < 0 ? current : next;
  }

  function zoom(factor, x = width / 2, y = height / 2) {
    const inner = (value, size) => (value - MARGIN) / (size - 2 * MARGIN) - 0.5;
    const before = view.zoom;
    view.zoom = Math.min(200, Math.max(1, before * factor));
    view.x += inner(x, width) * (1 / before - 1 / view.zoom);
    view.y += inner(y, height) * (1 / before - 1 / view.zoom);
    if (view.zoom === 1) view.x = view.y = 0.5;
    tip.hidden = true;
    redraw();
  }

  // Lists, fifty at a time
  function makePager(name, itemOf) {
    const list = document.getElementById(name);
    if (!list) return () => {};
    const [previous, label, next] = document.querySelector(`[data-list=${name}]`).children;
    let items = [], page = 0;
    function show() {
      const pages = Math.max(1, Math.ceil(items.length / PAGE));
      page = Math.min(Math.max(page, 0), pages - 1);
      list.replaceChildren(...items.slice(page * PAGE, (page + 1) * PAGE).map(itemOf));
      label.textContent = `Page ${page + 1} of ${pages}`;
      // Not "disabled": the button that was just pressed would lose the focus.
      previous.setAttribute("aria-disabled", page === 0);
      next.setAttribute("aria-disabled", page === pages - 1);
    }
    previous.addEventListener("click", () => { page -= 1; show(); });
    next.addEventListener("click", () => { page += 1; show(); });
    return (wanted) => { items = wanted; page = 0; show(); };
  }

  function labelled(cluster, ...children) {
    const swatch = element("span", "swatch");
    swatch.style.background = colour(cluster);
    const button = element("button", "", swatch, ...children);
    button.type = "button";
    return button;
  }

  function textOf(point) {
    const text = element("span", "", data.text[point]);
    text.dir = "auto";
    return text;
  }

  function clusterItem(cluster) {
    const button = labelled(cluster, `Cluster ${cluster}`);
    button.dataset.cluster = cluster;
    button.addEventListener("click", () => {
      const input = form.elements.cluster;
      input.value = input.value === String(cluster) ? "" : cluster;
      filter();
    });
    const size = element("span", "size", data.sizes[cluster].toLocaleString("en"));
    const points = data.representatives[cluster];
    return element("li", "", button, size, points.length ? textOf(points[0]) : "");
  }

  function textItem(point) {
    const cluster = data.cluster[point];
    const button = labelled(cluster, cluster < 0 ? (rare.has(point) ? "Rare" : "None") : `Cluster ${cluster}`);
    button.setAttribute("aria-label", `Show in the plot: ${data.text[point].slice(0, 80)}`);
    button.addEventListener("click", () => {
      select(point);
      document.getElementById("plot").scrollIntoView({block: "nearest"});
    });
    return element("li", "", button, textOf(point));
  }

  const showClusters = makePager("cluster-list", clusterItem);
  const showTexts = makePager("text-list", textItem);

  function press() {
    for (const button of document.querySelectorAll("#cluster-list button")) {
      button.setAttribute("aria-pressed", button.dataset.cluster === form.elements.cluster.value);
    }
  }

  function filter() {
    const text = form.elements.text.value.trim().toLowerCase();
    const cluster = form.elements.cluster.value;
    const kinds = {
      all: () => true,
      representatives: (point) => representatives.has(point),
      rare: (point) => rare.has(point),
      noise: (point) => data.cluster[point] < 0,
    };
    const isKind = kinds[form.elements.kind.value];
    for (let point = 0; point < count; point++) {
      fits[point] = haystacks[point].includes(text) && isKind(point) &&
        (cluster === "" || data.cluster[point] === +cluster);
    }
    found = order.filter((point) => fits[point]);
    document.getElementById("status").textContent =
      `${found.length.toLocaleString("en")} of ${count.toLocaleString("en")} utterances match.`;
    showTexts(found);
    press();
    select(current >= 0 && fits[current] ? current : -1);
  }

  const KEYS = {
    ArrowLeft: () => select(step(-1, 0)), ArrowRight: () => select(step(1, 0)),
    ArrowUp: () => select(step(0, -1)), ArrowDown: () => select(step(0, 1)),
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => zoom(0),
    Escape: () => select(-1),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = {x: event.clientX, y: event.clientY, far: false};
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!dragged) {
      const point = pointAt(event);
      return showTip(point < 0 ? current : point);
    }
    const dx = event.clientX - dragged.x, dy = event.clientY - dragged.y;
    if (!dragged.far && Math.hypot(dx, dy) < 4) return;
    dragged = {x: event.clientX, y: event.clientY, far: true};
    view.x -= dx / (width - 2 * MARGIN) / view.zoom;
    view.y -= dy / (height - 2 * MARGIN) / view.zoom;
    tip.hidden = true;
    redraw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (dragged && !dragged.far) select(pointAt(event));
    dragged = null;
  });
  canvas.addEventListener("pointercancel", () => { dragged = null; });
  canvas.addEventListener("pointerleave", () => showTip(current));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;  // without it the wheel scrolls the page
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), event.offsetX, event.offsetY);
  }, {passive: false});

  document.getElementById("closer").addEventListener("click", () => zoom(1.5));
  document.getElementById("farther").addEventListener("click", () => zoom(1 / 1.5));
  document.getElementById("whole").addEventListener("click", () => zoom(0));
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  document.getElementById("cluster-list")?.parentElement.addEventListener("click", press);
  new ResizeObserver(redraw).observe(canvas);
  dark.addEventListener("change", () => { showClusters(data.sizes.map((_, n) => n)); filter(); });
  showClusters(data.sizes.map((_, number) => number));
  filter();
})();
