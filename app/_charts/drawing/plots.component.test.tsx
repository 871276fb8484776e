import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { beforeAll, describe, expect, it } from "vitest";
import { SIZE, stubLayout } from "@/app/_testing/stub-layout";
import { renderPage } from "@/app/_testing/render-page";
import { ChartScopeProvider } from "./chart-scope";
import { DEFAULT_SETTINGS } from "@/app/_charts/prepare/settings";
import { LinePlot } from "./line-plot";
import { StepLabel } from "./plot-frame";
import { PLOT } from "./plot-size";
import { StackPlot } from "./stack-plot";

beforeAll(async () => {
  stubLayout();
  await import("./plot-drawing");
});

/** The drawing is loaded when a plot is in sight. */
async function renderPlot(plot: ReactNode, address = "/") {
  const view = renderPage(<ChartScopeProvider>{plot}</ChartScopeProvider>, {}, address);
  await waitFor(() => expect(view.container.querySelector(".recharts-surface")).toBeTruthy());
  return view;
}

/** Where the pointer must be for a step of an axis from 0 to `last`. */
const computePlace = (step: number, last: number): number =>
  PLOT.left + (step / last) * (SIZE.width - PLOT.left - PLOT.right);

const findCurves = (container: HTMLElement, name: "curve" | "area"): SVGPathElement[] => [
  ...container.querySelectorAll<SVGPathElement>(`path[data-${name}]`),
];
/** How many parts a path has. */
const countParts = (path: SVGPathElement): number => path.getAttribute("d")!.split("M").length - 1;
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
    renderPlot(
      <>
        <StepLabel />
        <LinePlot chartId="reward" label="Accuracy" series={series} scale="share" unit="number" />
      </>,
    );
  const legend = (label: string) => screen.getByRole("button", { name: new RegExp(`^${label}`) });

  it("draws a curve for each series that has points, in its colour", async () => {
    const { container } = await draw();
    const drawn = findCurves(container, "curve");
    expect(drawn.map((path) => path.getAttribute("stroke"))).toEqual(["red", "blue", "green"]);
    // The first curve rises from the foot of the plot to its top, left to right.
    const corners = [150, 114.5, 79, 43.5, 8].map((y, step) => `${computePlace(step, 4)},${y}`);
    expect(drawn[0]!.getAttribute("d")).toBe(`M${corners.join("L")}`);
  });

  it("draws a gap as a gap", async () => {
    const gap = [{ ...series[0]!, points: createPoints([0, 1, 2, 9, 10, 11], () => 0.5) }];
    const { container } = await renderPlot(
      <LinePlot chartId="reward" label="Accuracy" series={gap} scale="share" unit="number" />,
    );
    expect(findCurves(container, "curve").map(countParts)).toEqual([2]);
  });

  it("says the latest values, and under the pointer those of its step, carried ones as such", async () => {
    await draw();
    const plot = screen.getByRole("group", {
      name: /^Accuracy: Reward 1, Held-out 0, Nothing yet –/,
    });
    expect(screen.getByText("latest")).toBeTruthy();
    fireEvent.pointerMove(plot, { clientX: computePlace(1.1, 4) });
    expect(screen.getByText("step 1")).toBeTruthy();
    expect(legend("Reward").textContent).toBe("Reward0.25");
    expect(legend("Held-out").textContent).toBe("Held-out1from 0");
    fireEvent.pointerLeave(plot);
    expect(legend("Reward").textContent).toBe("Reward1");
  });

  it("is read with the arrow keys, aloud too", async () => {
    const user = userEvent.setup({ delay: null });
    await draw();
    screen.getByRole("group").focus();
    await user.keyboard("{ArrowLeft}");
    expect(screen.getByText("step 4")).toBeTruthy();
    await user.keyboard("{ArrowLeft}{ArrowLeft}");
    expect(screen.getByText("step 2")).toBeTruthy();
    await user.keyboard("{ArrowRight}");
    expect(screen.getByText("step 3")).toBeTruthy();
    expect(screen.getByRole("status").textContent).toBe(
      "step 3: Reward 0.75, Held-out 1 from step 0, Nothing yet –",
    );
    await user.keyboard("{Escape}");
    expect(screen.getByText("latest")).toBeTruthy();
  });

  it("is zoomed by dragging and by keys, and shows all again", async () => {
    const user = userEvent.setup({ delay: null });
    const { container } = await draw();
    const plot = screen.getByRole("group");
    const readPath = () => findCurves(container, "curve")[0]!.getAttribute("d")!;
    const whole = readPath();
    const zoomed = "M-156,150L44,114.5L244,79L444,43.5L644,8";
    fireEvent.pointerDown(plot, { clientX: computePlace(1, 4), button: 0 });
    fireEvent.pointerMove(plot, { clientX: computePlace(3, 4) });
    fireEvent.pointerUp(plot, { clientX: computePlace(3, 4) });
    expect(readPath()).toBe(zoomed);
    plot.focus();
    await user.keyboard("0");
    expect(readPath()).toBe(whole);
    // Without a hovered place the middle is zoomed to.
    await user.keyboard("{Escape}+");
    expect(readPath()).toBe(zoomed);
  });

  it("is zoomed with two fingers, and shows all again by a button", async () => {
    const user = userEvent.setup({ delay: null });
    const { container } = await draw();
    const plot = screen.getByRole("group");
    const readPath = () => findCurves(container, "curve")[0]!.getAttribute("d")!;
    const whole = readPath();
    expect(screen.queryByRole("button", { name: "Reset zoom" })).toBeNull();
    const touch = (pointerId: number, step: number) => ({
      pointerId,
      pointerType: "touch",
      clientX: computePlace(step, 4),
    });
    // One finger reads; the second one makes it a zoom: steps 1 and 3 are drawn to the ends.
    fireEvent.pointerDown(plot, touch(1, 1));
    fireEvent.pointerMove(plot, touch(1, 1));
    expect(screen.getByText("step 1")).toBeTruthy();
    expect(readPath()).toBe(whole);
    fireEvent.pointerDown(plot, touch(2, 3));
    fireEvent.pointerMove(plot, touch(1, 0));
    fireEvent.pointerMove(plot, touch(2, 4));
    expect(readPath()).toBe("M-156,150L44,114.5L244,79L444,43.5L644,8");
    // Together again, everything is there.
    fireEvent.pointerMove(plot, touch(1, 1.5));
    fireEvent.pointerMove(plot, touch(2, 2.5));
    expect(readPath()).toBe(whole);
    fireEvent.pointerMove(plot, touch(1, 0));
    fireEvent.pointerMove(plot, touch(2, 4));
    fireEvent.pointerUp(plot, touch(1, 0));
    fireEvent.pointerUp(plot, touch(2, 4));
    await user.click(screen.getByRole("button", { name: "Reset zoom" }));
    expect(readPath()).toBe(whole);
  });

  it("hides a series by its legend, and shows one alone", async () => {
    const user = userEvent.setup({ delay: null });
    const { container } = await draw();
    const keys = () => findCurves(container, "curve").map((path) => path.dataset.curve);
    await user.click(legend("Reward"));
    expect(keys()).toEqual(["b", "c"]);
    legend("Reward").focus();
    await user.keyboard("i");
    expect(keys()).toEqual(["a"]);
    await user.keyboard("i");
    expect(keys()).toEqual(["a", "b", "c"]);
  });

  it("opens over the window, as a chart or a table", async () => {
    const user = userEvent.setup({ delay: null });
    await draw();
    await user.click(screen.getByRole("button", { name: /full screen, table, export/ }));
    await user.click(screen.getByRole("menuitem", { name: "Show as table" }));
    const dialog = within(await screen.findByRole("dialog", { name: "Accuracy" }));
    expect(dialog.getAllByRole("row").map((row) => row.textContent)).toEqual([
      "stepRewardHeld-outNothing yet",
      "001–",
      "10.25––",
      "20.5––",
      "30.75––",
      "410–",
    ]);
  });

  it("marks the steps of an alarm, where markers of alarms are on", async () => {
    const { container } = await renderPlot(
      <LinePlot
        chartId="reward"
        label="Accuracy"
        series={series}
        scale="share"
        unit="number"
        marks={[{ kind: "alarm", title: "No variance", from: 1, to: 3 }]}
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

describe("hidden curves in the address", () => {
  const createSeries = (key: string) => ({
    key,
    label: key.toUpperCase(),
    colour: "red",
    points: createPoints([0, 1, 2], (step) => step + 1),
  });
  const lines = ["a", "b", "c"].map(createSeries);
  const parts = ["x/1", "y,2", "z"].map(createSeries);
  const plots = (
    <>
      <LinePlot chartId="panel-a+b:c" label="Lines" series={lines} scale="free" unit="number" />
      <LinePlot chartId="other" label="Same curves" series={lines} scale="free" unit="number" />
      <StackPlot chartId="time" label="Parts" series={parts} missing="zero" unit="seconds" />
    </>
  );
  /** The keys that each plot draws. */
  async function open(address: string) {
    const { container, unmount } = await renderPlot(plots, address);
    await waitFor(() => expect(container.querySelectorAll(".recharts-surface")).toHaveLength(3));
    const readKeys = () =>
      [...container.querySelectorAll(".recharts-surface")].map((surface) =>
        [...surface.querySelectorAll<SVGElement>("path[data-curve], path[data-area]")].map(
          ({ dataset }) => dataset.curve ?? dataset.area,
        ),
      );
    return { readKeys, unmount };
  }
  const ALL = [
    ["a", "b", "c"],
    ["a", "b", "c"],
    ["x/1", "y,2", "z"],
  ];

  it("are hidden again when the page is opened anew, each in its own chart", async () => {
    const user = userEvent.setup({ delay: null });
    const first = await open("/runs/1?zoom=0..2#alarms");
    expect(first.readKeys()).toEqual(ALL);
    await user.click(screen.getAllByRole("button", { name: /^B/ })[0]!);
    screen.getByRole("button", { name: /^Y,2/ }).focus();
    await user.keyboard("i");
    const shown = [["a", "c"], ["a", "b", "c"], ["y,2"]];
    expect(first.readKeys()).toEqual(shown);
    const { pathname, search, hash } = window.location;
    expect([pathname, new URLSearchParams(search).get("zoom"), hash]).toEqual([
      "/runs/1",
      "0..2",
      "#alarms",
    ]);
    first.unmount();

    const again = await open(`${pathname}${search}${hash}`);
    expect(again.readKeys()).toEqual(shown);
    await user.click(screen.getAllByRole("button", { name: /^B/ })[0]!);
    expect(new URLSearchParams(window.location.search).get("hide")).toBe("time:x%2F1,z");
    screen.getByRole("button", { name: /^Y,2/ }).focus();
    await user.keyboard("i");
    expect(again.readKeys()).toEqual(ALL);
    expect(window.location.search).toBe("?zoom=0..2");
  });
});

describe("a line plot without outliers", () => {
  it("leaves its axis to the other values, and counts what is outside", async () => {
    const steps = Array.from({ length: 200 }, (_, step) => step);
    const wave = createPoints(steps, (step) =>
      step === 50 || step === 150 ? 1_000 : Math.sin(step / 7),
    );
    const series = [{ key: "a", label: "Reward", colour: "red", points: wave }];
    const plot = (
      <LinePlot chartId="reward" label="Reward" series={series} scale="free" unit="number" />
    );
    const draw = (clip: boolean) => (
      <ChartScopeProvider settings={{ ...DEFAULT_SETTINGS, clip }}>{plot}</ChartScopeProvider>
    );
    const { container, rerender } = renderPage(draw(false));
    await waitFor(() => expect(findCurves(container, "curve")).toHaveLength(1));
    /** How high the wave before the first outlier is drawn, in pixels. */
    const readHeight = (): number => {
      const path = findCurves(container, "curve")[0]!.getAttribute("d")!;
      const heights = [...path.matchAll(/,(-?[\d.]+)/g)].slice(0, 45).map(([, y]) => Number(y));
      return Math.max(...heights) - Math.min(...heights);
    };
    const plotHeight = SIZE.height - PLOT.top - PLOT.bottom;
    expect(readHeight()).toBeLessThan(0.01 * plotHeight);
    expect(container.querySelector("[data-notes]")).toBeNull();
    rerender(draw(true));
    await waitFor(() => expect(readHeight()).toBeGreaterThan(0.5 * plotHeight));
    expect(container.querySelector("[data-notes]")!.textContent).toBe(
      "2 points are outside of this axis, of 200.",
    );
    rerender(draw(false));
    await waitFor(() => expect(readHeight()).toBeLessThan(0.01 * plotHeight));
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

  it("breaks where other runs stand behind the mean, and has a band only where there is an interval", async () => {
    const { container } = await renderPlot(
      <LinePlot chartId="reward" label="Reward" series={series} scale="share" unit="share" />,
    );
    expect(findCurves(container, "curve").map(countParts)).toEqual([2]);
    expect(findCurves(container, "area")).toHaveLength(1);
  });

  it("says how many runs a mean is over, where the pointer is", async () => {
    const counted = [
      { ...series[0]!, points: series[0]!.points.map((one) => ({ ...one, n: 4 - one.step })) },
    ];
    await renderPlot(
      <LinePlot chartId="reward" label="Reward" series={counted} scale="share" unit="share" />,
    );
    const plot = screen.getByRole("group", { name: /^Reward/ });
    expect(screen.getByRole("button", { name: /^lr=1e-5/ }).textContent).toBe("lr=1e-580%n 1");
    fireEvent.pointerMove(plot, { clientX: computePlace(1, 3) });
    expect(screen.getByRole("button", { name: /^lr=1e-5/ }).textContent).toBe("lr=1e-540%n 3");
  });

  it("says the mean of the step under the pointer", async () => {
    await renderPlot(
      <LinePlot chartId="reward" label="Reward" series={series} scale="share" unit="share" />,
    );
    const plot = screen.getByRole("group", { name: /^Reward: lr=1e-5 80%/ });
    fireEvent.pointerMove(plot, { clientX: computePlace(1, 3) });
    expect(screen.getByRole("button", { name: /^lr=1e-5/ }).textContent).toBe("lr=1e-540%");
  });
});

describe("a stack plot", () => {
  const series = [
    { key: "gen", label: "Sampling", colour: "red", points: createPoints([1, 2, 3], () => 3) },
    { key: "test", label: "Evaluation", colour: "blue", points: createPoints([2], () => 1) },
    { key: "none", label: "Critic", colour: "green", points: [] },
  ];

  const legend = (label: string) => screen.getByRole("button", { name: new RegExp(`^${label}`) });

  it("stacks the parts in their order, and leaves out those without a point", async () => {
    const { container } = await renderPlot(
      <StackPlot chartId="time" label="Time" series={series} missing="zero" unit="seconds" />,
    );
    const areas = findCurves(container, "area");
    expect(areas.map((path) => path.getAttribute("stroke"))).toEqual(["red", "blue"]);
    expect(screen.queryByText("Critic")).toBeNull();
    // The second part lies on the first: only at step 2 it is higher.
    const [gen, test] = areas.map((path) =>
      [...path.getAttribute("d")!.matchAll(/,([\d.]+)/g)].map(([, y]) => Number(y)),
    );
    expect(test![0]).toBe(gen![0]);
    expect(test![1]).toBeLessThan(gen![1]!);
  });

  it("says what each part took at the step under the pointer", async () => {
    await renderPlot(
      <StackPlot chartId="time" label="Time" series={series} missing="zero" unit="seconds" />,
    );
    fireEvent.pointerMove(screen.getByRole("group", { name: /^Time/ }), {
      clientX: computePlace(2, 3),
    });
    expect(legend("Sampling").textContent).toBe("Sampling3.0 s");
    expect(legend("Evaluation").textContent).toBe("Evaluation1.0 s");
  });

  it("leaves out a step at which a part of the whole is missing", async () => {
    const { container } = await renderPlot(
      <StackPlot
        chartId="time"
        label="Quadrants"
        series={series}
        missing="drop"
        share
        unit="share"
      />,
    );
    expect(
      findCurves(container, "area").map((p) => p.getAttribute("d")!.split("L").length),
    ).toEqual([2, 2]);
  });
});
