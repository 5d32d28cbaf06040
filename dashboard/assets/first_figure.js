/* The first figure of a page is shown before the others are drawn, and nobody waits for Plotly to be
   compiled, which the browser does at its first drawing. */
{
  const draw = window.Plotly.react;
  /* After the next frame; without one, as in a tab that is out of sight, after a while. */
  const nextFrame = () => new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100);
  });
  let shown = null;
  let isCompiled = false;

  window.Plotly.react = (figure, ...rest) => {
    isCompiled = true;
    // What is drawn again takes little; it is drawn at once.
    if (figure._fullLayout) return draw(figure, ...rest);
    if (shown) return shown.then(() => (figure.isConnected ? draw(figure, ...rest) : figure));
    shown = nextFrame().then(() => { shown = null; });
    return draw(figure, ...rest);
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
