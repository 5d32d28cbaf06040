/* Draw every figure of the report from the data beside it, and anew in the size of the paper. */
for (const data of document.querySelectorAll(".figure-data")) {
  const { data: traces, layout } = JSON.parse(data.textContent);
  window.Plotly.newPlot(data.previousElementSibling, traces, layout, { displayModeBar: false, responsive: true });
}
const fit = () => {
  for (const figure of document.querySelectorAll(".js-plotly-plot")) window.Plotly.Plots.resize(figure);
};
window.addEventListener("beforeprint", fit);
window.addEventListener("afterprint", fit);
