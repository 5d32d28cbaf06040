/* Figures that the reader sees are drawn before the others, the first of a page at once, and nobody
   waits for Plotly to be compiled, which the browser does at its first drawing. */
{
  const draw = window.Plotly.react;
  /* After the next frame; without one, as in a tab that is out of sight, after a while. */
  const nextFrame = () => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100);
  });
  /* Once there is nothing else to do, and before long. */
  const idle = () => new Promise((resolve) => { requestIdleCallback(resolve, { timeout: 500 }); });
  const isInSight = (figure) => {
    const { top, bottom } = figure.getBoundingClientRect();
    return top < window.innerHeight && bottom > 0;
  };
  /* What each figure is to show, and who waits for it. */
  const waiting = new Map();
  let isServed = false;
  let isCompiled = false;
  /* Until the figure that was drawn last is on the screen. */
  let showing = null;
  const show = () => { showing = nextFrame().then(() => { showing = null; }); };

  /* What cannot be drawn is the fault of who asked for it; the others are drawn. */
  const drawWaiting = async (figure, values) => (figure.isConnected ? draw(figure, ...values) : figure);

  const serve = async () => {
    isServed = true;
    while (waiting.size) {
      await showing;
      if (![...waiting.keys()].some(isInSight)) await idle();
      const figures = [...waiting.keys()];
      const seen = figures.find(isInSight);
      const figure = seen ?? figures[0];
      const { values, promised } = waiting.get(figure);
      waiting.delete(figure);
      const drawn = drawWaiting(figure, values);
      for (const keep of promised) keep(drawn);
      if (seen) show();
    }
    isServed = false;
  };

  window.Plotly.react = (figure, ...values) => {
    isCompiled = true;
    const isOlder = waiting.has(figure);
    if (!isOlder && isInSight(figure) && (figure._fullLayout || !showing)) {
      if (!figure._fullLayout) show();
      return draw(figure, ...values);
    }
    return new Promise((keep) => {
      const promised = isOlder ? waiting.get(figure).promised : [];
      waiting.set(figure, { values, promised: [...promised, keep] });
      if (!isServed) serve();
    });
  };

  const compile = async () => {
    if (isCompiled) return;
    const unseen = document.createElement("div");
    const [x, y] = [["a", "b"], [1, 2]];
    const traces = [{ type: "bar", x, y, text: x }, { mode: "lines+markers", x, y, error_y: { array: y } }];
    await window.Plotly.newPlot(unseen, traces, { width: 300, height: 200, legend: { orientation: "h" } });
    window.Plotly.purge(unseen);
  };
  /* Once the frame is there, and the page has been asked for. */
  const begin = () => {
    if (document.querySelector("#page")) requestIdleCallback(compile);
    else setTimeout(begin, 50);
  };
  begin();
}
