// @vitest-environment jsdom
import { fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeAll, describe, expect, it } from "vitest";
import { SIZE, stubLayout } from "@/app/_testing/stub-layout";
import "@/app/_testing/render-page";
import { HoverProvider } from "./hover";
import { LinePlot } from "./line-plot";
import { PLOT, StepLabel } from "./plot-frame";
import { StackPlot } from "./stack-plot";

beforeAll(stubLayout);

/** Where the pointer must be for a step of an axis from 0 to `last`. */
const computePlace = (step: number, last: number): number =>
  PLOT.left + (step / last) * (SIZE.width - PLOT.left - PLOT.right);

const findCurves = (container: HTMLElement, name: "line" | "area"): SVGPathElement[] => [
  ...container.querySelectorAll<SVGPathElement>(`path.recharts-${name}-curve`),
];
const createPoints = (steps: readonly number[], value: (step: number) => number) =>
  steps.map((step) => ({ step, value: value(step) }));

describe("a line plot", () => {
  const series = [
    {
      key: "a",
      label: "Reward",
      colour: "red",
      points: createPoints([0, 1, 2, 3, 4], (s) => s / 4),
    },
    { key: "b", label: "Held-out", colour: "blue", points: createPoints([0, 4], (s) => 1 - s / 4) },
    { key: "c", label: "Nothing yet", colour: "green", points: [] },
  ];
  const draw = () =>
    render(
      <HoverProvider>
        <StepLabel stepName="step" />
        <LinePlot label="Accuracy" series={series} scale="share" unit="number" />
      </HoverProvider>,
    );

  it("draws a curve for each series that has points, in its colour", () => {
    const { container } = draw();
    const drawn = findCurves(container, "line");
    expect(drawn.map((path) => path.getAttribute("stroke"))).toEqual(["red", "blue"]);
    // The first curve rises from the foot of the plot to its top, left to right.
    const corners = [150, 114.5, 79, 43.5, 8].map((y, step) => `${computePlace(step, 4)},${y}`);
    expect(drawn[0]!.getAttribute("d")).toBe(`M${corners.join("L")}`);
  });

  it("draws a gap as a gap", () => {
    const gap = [{ ...series[0]!, points: createPoints([0, 1, 2, 9, 10, 11], () => 0.5) }];
    const { container } = render(
      <LinePlot label="Accuracy" series={gap} scale="share" unit="number" />,
    );
    expect(findCurves(container, "line")).toHaveLength(2);
  });

  it("says the latest values, and under the pointer those of its step", () => {
    draw();
    const plot = screen.getByRole("group", {
      name: /^Accuracy: Reward 1, Held-out 0, Nothing yet –/,
    });
    expect(screen.getByText("latest")).toBeTruthy();
    fireEvent.pointerMove(plot, { clientX: computePlace(1.1, 4) });
    expect(screen.getByText("step 1")).toBeTruthy();
    const legend = (label: string) => screen.getByText(label, { selector: "span" }).textContent;
    expect(legend("Reward")).toBe("Reward0.25");
    expect(legend("Held-out"), "it has no point at step 1").toBe("Held-out–");
    fireEvent.pointerLeave(plot);
    expect(legend("Reward")).toBe("Reward1");
  });

  it("is read with the arrow keys", async () => {
    const user = userEvent.setup({ delay: null });
    draw();
    await user.tab();
    await user.keyboard("{ArrowLeft}");
    expect(screen.getByText("step 4")).toBeTruthy();
    await user.keyboard("{ArrowLeft}{ArrowLeft}");
    expect(screen.getByText("step 2")).toBeTruthy();
    await user.keyboard("{ArrowRight}");
    expect(screen.getByText("step 3")).toBeTruthy();
    await user.keyboard("{Escape}");
    expect(screen.getByText("latest")).toBeTruthy();
  });

  it("marks the steps of an alarm", () => {
    const { container } = render(
      <LinePlot
        label="Accuracy"
        series={series}
        scale="share"
        unit="number"
        marks={[{ name: "no-variance", title: "No variance", from: 1, to: 3 }]}
      />,
    );
    const area = container.querySelector(".recharts-reference-area-rect")!;
    expect(Number(area.getAttribute("width"))).toBeCloseTo(
      computePlace(3, 4) - computePlace(1, 4),
      3,
    );
    expect(container.querySelectorAll(".recharts-reference-line-line")).toHaveLength(1);
  });
});

describe("a line plot of means", () => {
  const point = (step: number, mean: number, stretch: number, low: number | null = null) => ({
    step,
    value: mean,
    band: low === null ? null : ([low, mean * 2 - low] as [number, number]),
    stretch,
  });
  const series = [
    {
      key: "0",
      label: "lr=1e-5",
      colour: "red",
      points: [point(0, 0.2, 0, 0.1), point(1, 0.4, 0, 0.3), point(2, 0.6, 1), point(3, 0.8, 1)],
    },
  ];

  it("breaks where other runs stand behind the mean, and has a band only where there is an interval", () => {
    const { container } = render(
      <LinePlot label="Reward" series={series} scale="share" unit="share" />,
    );
    expect(findCurves(container, "line")).toHaveLength(2);
    expect(container.querySelectorAll("path.recharts-area-area")).toHaveLength(1);
  });

  it("says the mean of the step under the pointer", () => {
    render(
      <HoverProvider>
        <LinePlot label="Reward" series={series} scale="share" unit="share" />
      </HoverProvider>,
    );
    const plot = screen.getByRole("group", { name: /^Reward: lr=1e-5 80%/ });
    fireEvent.pointerMove(plot, { clientX: computePlace(1, 3) });
    expect(screen.getByText("lr=1e-5").textContent).toBe("lr=1e-540%");
  });
});

describe("a stack plot", () => {
  const series = [
    { key: "gen", label: "Sampling", colour: "red", points: createPoints([1, 2, 3], () => 3) },
    { key: "test", label: "Evaluation", colour: "blue", points: createPoints([2], () => 1) },
    { key: "none", label: "Critic", colour: "green", points: [] },
  ];

  it("stacks the parts in their order, and leaves out those without a point", () => {
    const { container } = render(
      <StackPlot label="Time" series={series} missing="zero" unit="seconds" />,
    );
    expect(findCurves(container, "area").map((path) => path.getAttribute("stroke"))).toEqual([
      "red",
      "blue",
    ]);
    expect(screen.queryByText("Critic")).toBeNull();
    // The second part lies on the first: only at step 2 it is higher.
    const [gen, test] = findCurves(container, "area").map((path) =>
      [...path.getAttribute("d")!.matchAll(/,([\d.]+)/g)].map(([, y]) => Number(y)),
    );
    expect(test![0]).toBe(gen![0]);
    expect(test![1]).toBeLessThan(gen![1]!);
  });

  it("says what each part took at the step under the pointer", () => {
    const view = render(
      <HoverProvider>
        <StackPlot label="Time" series={series} missing="zero" unit="seconds" />
      </HoverProvider>,
    );
    fireEvent.pointerMove(screen.getByRole("group", { name: /^Time/ }), {
      clientX: computePlace(2, 3),
    });
    const legend = within(view.container);
    expect(legend.getByText("Sampling").textContent).toBe("Sampling3.0 s");
    expect(legend.getByText("Evaluation").textContent).toBe("Evaluation1.0 s");
  });

  it("leaves out a step at which a part of the whole is missing", () => {
    const { container } = render(
      <StackPlot label="Quadrants" series={series} missing="drop" share unit="share" />,
    );
    expect(container.querySelectorAll(".recharts-area-dots circle")).toHaveLength(2);
  });
});
