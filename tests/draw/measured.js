// Measures a picture in the browser, and lists what overlaps. `ends` holds for each arrow the
// boxes at its ends.
(ends) => {
  const faults = [];
  const svg = document.querySelector('svg');
  const rectangle = element => element.getBoundingClientRect();
  const owner = element => element.closest('[data-box]')?.dataset.box ?? '';
  const apart = (a, b, by = 0.5) => a.right <= b.left + by || b.right <= a.left + by
    || a.bottom <= b.top + by || b.bottom <= a.top + by;
  const inside = (a, b, by = 0.5) => a.left >= b.left - by && a.right <= b.right + by
    && a.top >= b.top - by && a.bottom <= b.bottom + by;
  const holds = (r, x, y, by) => x > r.left + by && x < r.right - by && y > r.top + by && y < r.bottom - by;

  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim()).map(
    t => ({at: rectangle(t), box: owner(t), text: t.textContent}));
  const boxes = [...svg.querySelectorAll('g[data-box] > rect')].map(
    r => ({at: rectangle(r), box: owner(r), look: r.getAttribute('class')}));
  const frames = [...svg.querySelectorAll('rect.frame')].map(r => rectangle(r));
  const paper = rectangle(svg);

  for (const [i, a] of texts.entries()) {
    if (!inside(a.at, paper, 0)) faults.push(`the text ${a.text} leaves the picture`);
    for (const b of texts.slice(i + 1))
      if (!apart(a.at, b.at)) faults.push(`the texts ${a.text} and ${b.text} overlap`);
    for (const b of boxes) {
      const own = a.box === b.box;
      if (!(apart(a.at, b.at) || (own && inside(a.at, b.at))))
        faults.push(`the text ${a.text} overlaps ${own ? 'its own box' : 'box ' + b.box}`);
    }
    for (const frame of frames)
      if (!apart(a.at, frame) && !inside(a.at, frame)) faults.push(`the text ${a.text} lies on a frame`);
  }
  for (const group of svg.querySelectorAll('g[data-box]')) {
    const box = group.querySelector('rect:last-of-type'), text = group.querySelector('text');
    if (box && text && !inside(rectangle(text), rectangle(box)))
      faults.push(`the text ${text.textContent} leaves its own box`);
  }
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1))
      if (a.box !== b.box && !apart(a.at, b.at)) faults.push(`the boxes ${a.box} and ${b.box} overlap`);
    for (const frame of frames)
      if (!apart(a.at, frame) && !inside(a.at, frame)) faults.push(`box ${a.box} lies on a frame`);
  }

  for (const path of svg.querySelectorAll('.line, .back, .head, .backhead, .bracket')) {
    const around = rectangle(path), look = path.getAttribute('class');
    const near = r => !apart({left: around.left - 2, right: around.right + 2,
      top: around.top - 2, bottom: around.bottom + 2}, r, 0);
    const arrow = path.closest('[data-arrow]')?.dataset.arrow;
    const own = arrow === undefined ? [owner(path)] : ends[arrow].map(String);
    const beside = texts.filter(t => near(t.at));
    const across = boxes.filter(b => near(b.at) && !own.includes(b.box));
    if (!beside.length && !across.length) continue;
    const length = path.getTotalLength(), matrix = path.getScreenCTM(), hit = new Set();
    const count = Math.max(8, Math.ceil(length / 1.5));
    for (let k = 0; k <= count; k++) {
      const p = path.getPointAtLength(length * k / count).matrixTransform(matrix);
      for (const t of beside) if (holds(t.at, p.x, p.y, 0)) hit.add(`the text ${t.text}`);
      for (const b of across) if (holds(b.at, p.x, p.y, 0.5)) hit.add(`box ${b.box}`);
    }
    for (const what of hit) faults.push(`the ${look} of arrow ${arrow} runs through ${what}`);
  }
  return {faults, texts: texts.length, boxes: boxes.length, lines: svg.querySelectorAll('.line').length};
}
