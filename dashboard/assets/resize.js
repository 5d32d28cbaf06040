/* A figure that fills its place is not laid out anew. Dash asks for that after every drawing and
   every change of height, which would draw each figure twice. */
{
  const resize = window.Plotly.Plots.resize;
  const isNear = (one, other) => Math.abs(parseFloat(one) - other) <= 1;
  const fills = (figure) => {
    const place = getComputedStyle(figure);
    const drawn = figure._fullLayout;
    return drawn && isNear(place.width, drawn.width) && isNear(place.height, drawn.height);
  };
  window.Plotly.Plots.resize = (figure) =>
    fills(figure) ? Promise.resolve(figure) : resize(figure);
}
