import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type Browser, type Page } from "@playwright/test";
import { buildLaunchOptions } from "@/e2e/support/browser";
import { computePercentile } from "@/gpu-workers/runtime/latency";
import { buildBar, type Bar } from "@/bench/report/report";
import { DEFINE_NAME } from "./browser-script";
import { startServerProcess, type ServerProcess } from "./server-process";
import type { FilledRuns } from "./sizes";

/** Of fewer, the 95th percentile would be the slowest alone. */
const VISITS = 20;
/** A page may take so long until it can be used. */
const READY_MS = 1_000;
const MOVES = 60;
const ZOOMS = 20;
/** What a new window takes of the browser's own time, which is none of the page's. */
const WINDOW_MS = 1_000;
/** By web.dev's scale of the cumulative layout shift a page is good up to 0.1. */
const SHIFT_BAR = 0.1;
/** How long nothing asks the server before its memory is read. */
const IDLE_MS = 30_000;

/** What a page must have on it before it can be used; `charts`: plots that must be drawn. */
interface PageCase {
  path: string;
  ready: string;
  /** What answers first, where the page goes on loading parts of `ready` after it: its navigation. */
  answers?: string;
  charts?: boolean;
}

interface Visit {
  /** Milliseconds from the start of navigation until the page can be used, and until its charts stand. */
  ready: number;
  charts: number;
  /** The longest task of the page's thread. */
  longestTask: number;
  /** Cumulative layout shift until nothing loads any more. */
  shift: number;
  /** Compressed JavaScript until navigation, tables and forms answer, and until the charts stand, in KB. */
  scriptsReady: number;
  scriptsCharts: number;
}

/** What a person waits for, in a real browser that has nothing cached, on the filled database. */
export async function measurePages(
  databaseUrl: string,
  runs: FilledRuns,
): Promise<{ bars: Bar[]; figures: Record<string, unknown> }> {
  const { big } = runs;
  const server = await startServerProcess(databaseUrl);
  const browser = await chromium.launch(buildLaunchOptions());
  try {
    const bars: Bar[] = [];
    const figures: Record<string, Visit> = {};
    for (const [name, page] of Object.entries(listCases(runs))) {
      const visits: Visit[] = [];
      // The first visit loads the server's own code for the page.
      for (let i = 0; i <= VISITS; i++) visits.push(await visit(browser, server, page));
      const worst = summarize(visits.slice(1));
      figures[name] = worst;
      bars.push(
        buildBar(`${name}: can be used after`, worst.ready, "ms", "<=", READY_MS),
        buildBar(`${name}: longest task`, worst.longestTask, "ms", "<=", 200),
        buildBar(`${name}: layout shift`, worst.shift, "", "<=", SHIFT_BAR),
        buildBar(`${name}: JavaScript before it answers`, worst.scriptsReady, "KB", "<=", 200),
        buildBar(`${name}: JavaScript once its charts stand`, worst.scriptsCharts, "KB", "<=", 330),
      );
    }
    const gestures = await measureGestures(browser, server, `/runs/${big[0]}`);
    bars.push(
      buildBar("hover over a chart painted, p95", gestures.hover, "ms", "<=", 100),
      buildBar("zoom of all charts painted, p95", gestures.zoom, "ms", "<=", 100),
      buildBar("longest task while zooming", gestures.longestTask, "ms", "<=", 200),
    );
    await sleep(IDLE_MS);
    const memory = await server.readMemory();
    bars.push(buildBar("memory of the idle server", memory, "MB", "<=", 300));
    return { bars, figures: { visits: figures, gestures, memoryMb: memory } };
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** The pages by name, each with what it shows of the filled database. */
export function listCases({
  big,
  sweep,
  predictions,
  episode,
}: FilledRuns): Record<string, PageCase> {
  return {
    home: { path: "/", ready: '[aria-label="Best results"] tbody a', answers: "main h2" },
    runs: { path: "/runs", ready: "tr[data-run]" },
    "run with 50 metrics of 100,000 steps": {
      path: `/runs/${big[0]}`,
      ready: "[data-chart]",
      answers: "main [role=tab]",
      charts: true,
    },
    "comparison of 10 runs of 100,000 steps": {
      path: `/runs/compare?ids=${big.join(",")}`,
      ready: "[data-overlay]",
      answers: "main [role=tab]",
      charts: true,
    },
    "episodes of 100,000": { path: `/runs/${big[0]}?tab=episodes`, ready: "[data-episode]" },
    "report of a run": { path: `/runs/${big[0]}/report`, ready: "article.run-report" },
    "episode in the inspector": {
      path: `/runs/${big[0]}/episodes/${episode}`,
      ready: "[data-turn]",
    },
    "new run": { path: "/runs/new", ready: "main form" },
    "leaderboard of 300 results": { path: "/leaderboard", ready: "tr[data-method]" },
    "comparison of 3 predictions": {
      path: `/compare?runs=${predictions.join(",")}`,
      ready: "[data-question]",
    },
    labels: { path: `/labels?run=${predictions[0]}`, ready: "[data-question]" },
    sweeps: { path: "/sweeps", ready: "[data-sweep]" },
    "sweep of 200 runs": { path: `/sweeps/${sweep}`, ready: "main table", charts: true },
    corpora: { path: "/corpora", ready: "tr[data-corpus]" },
    corpus: { path: "/corpora/atlas", ready: 'main a[href="/playground?corpus=atlas"]' },
    questions: { path: "/questions", ready: "[data-set]" },
    retrieval: { path: "/retrieval", ready: "main h1" },
    playground: { path: "/playground", ready: "main form" },
    ask: { path: "/playground/ask", ready: "main form" },
    workers: { path: "/workers", ready: "[data-worker]" },
    notifications: { path: "/notifications", ready: "main h1" },
    mirrors: { path: "/mirrors", ready: "main h1" },
    glossary: { path: "/glossary", ready: "main dl" },
    "all settings": { path: "/glossary/settings", ready: "main dl" },
  };
}

const summarize = (visits: readonly Visit[]): Visit => {
  const at = (key: keyof Visit): number =>
    computePercentile(
      visits.map((one) => one[key]),
      0.95,
    ) ?? NaN;
  return {
    ready: at("ready"),
    charts: at("charts"),
    longestTask: at("longestTask"),
    shift: at("shift"),
    scriptsReady: at("scriptsReady"),
    scriptsCharts: at("scriptsCharts"),
  };
};

/** A page of a browser that was let in but has seen nothing yet, its long tasks and shifts recorded. */
async function openFreshPage(browser: Browser, { address, url }: ServerProcess): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    baseURL: url,
  });
  await context.request.get(address);
  const page = await context.newPage();
  await page.addInitScript(DEFINE_NAME);
  await page.addInitScript(() => {
    const [longTasks, shifts]: number[][] = [[], []];
    Object.assign(window, { longTasks, shifts });
    new PerformanceObserver((list) =>
      longTasks!.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({ type: "longtask", buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      })[])
        if (!entry.hadRecentInput) shifts!.push(entry.value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await sleep(WINDOW_MS);
  return page;
}

const readLongestTask = (page: Page): Promise<number> =>
  page.evaluate(() => Math.max(0, ...(window as unknown as { longTasks: number[] }).longTasks));

const readShift = (page: Page): Promise<number> =>
  page.evaluate(() =>
    (window as unknown as { shifts: number[] }).shifts.reduce((sum, value) => sum + value, 0),
  );

async function visit(browser: Browser, server: ServerProcess, of: PageCase): Promise<Visit> {
  const page = await openFreshPage(browser, server);
  try {
    await page.goto(of.path, { waitUntil: "commit" });
    const wait = (selector: string, isBusyAllowed = false): Promise<Answering> =>
      page
        .waitForFunction(isAnswering, [selector, isBusyAllowed] as const)
        .then((handle) => handle.jsonValue() as Promise<Answering>);
    const { kilobytes: scriptsReady } = await (of.answers
      ? wait(of.answers, true)
      : wait(of.ready));
    const { at: ready } = await wait(of.ready);
    const charts = of.charts ? (await wait("[data-curve], [data-curves] path", true)).at : ready;
    await page.waitForLoadState("networkidle");
    return {
      ready,
      charts,
      longestTask: await readLongestTask(page),
      shift: await readShift(page),
      scriptsReady,
      scriptsCharts: (await wait(of.ready)).kilobytes,
    };
  } finally {
    await page.context().close();
  }
}

/** When a page answered, in milliseconds since the navigation, and the scripts that it had by then. */
interface Answering {
  at: number;
  kilobytes: number;
}

/**
 * Runs in the page: what `Answering` says, once an element stands there that React listens on, so that it is not only
 * text which the server has sent; null before.
 */
function isAnswering([selector, isBusyAllowed]: readonly [string, boolean]): Answering | null {
  const element = document.querySelector(selector);
  const isOfReact = Object.keys(element ?? {}).some((key) => key.startsWith("__reactProps"));
  const isBusy = !isBusyAllowed && document.querySelector("main [aria-busy=true]") !== null;
  if (!isOfReact || isBusy) return null;
  const bytes = (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
    .filter(({ name }) => name.endsWith(".js"))
    .reduce((sum, { transferSize }) => sum + transferSize, 0);
  return { at: performance.now(), kilobytes: bytes / 1024 };
}

/** Milliseconds from what the hand does until it is painted. */
async function measureGestures(
  browser: Browser,
  server: ServerProcess,
  path: string,
): Promise<{ hover: number; zoom: number; longestTask: number }> {
  const page = await openFreshPage(browser, server);
  try {
    await page.goto(path);
    await page.locator("[data-curve]").first().waitFor();
    await page.waitForLoadState("networkidle");
    await page.evaluate(recordPaints);
    const plot = page.locator("[data-chart]").first().getByRole("group");
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    if (!box) throw new Error("The run's page has drawn no chart.");
    const x = (share: number): number => box.x + box.width * share;
    const y = box.y + box.height / 2;
    for (let i = 0; i < MOVES; i++) {
      await page.mouse.move(x(0.2 + (0.6 * i) / MOVES), y);
      await sleep(30);
    }
    const hover = await readPaints(page, "mousemove");
    await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks.splice(0));
    for (let i = 0; i < ZOOMS; i++) {
      await page.mouse.move(x(0.4), y);
      await page.mouse.down();
      await page.mouse.move(x(0.7), y, { steps: 4 });
      await page.mouse.up();
      const reset = page.getByRole("button", { name: "Reset zoom" });
      await reset.waitFor();
      await sleep(500);
      await reset.click();
      await sleep(500);
    }
    const zoom = await readPaints(page, "mouseup");
    if (hover.length < MOVES / 2 || zoom.length < ZOOMS)
      throw new Error(
        `Only ${hover.length} moves and ${zoom.length} zooms were seen to be painted.`,
      );
    return {
      hover: computePercentile(hover, 0.95) ?? NaN,
      zoom: computePercentile(zoom, 0.95) ?? NaN,
      longestTask: await readLongestTask(page),
    };
  } finally {
    await page.context().close();
  }
}

/**
 * Runs in the page: notes how long after an event the frame was painted in which something had changed: after a move
 * anything, after a release the curves.
 */
function recordPaints(): void {
  const paints: Record<string, number[]> = { mousemove: [], mouseup: [] };
  const pending = new Map<string, number>();
  Object.assign(window, { paints });
  for (const name of Object.keys(paints))
    window.addEventListener(name, ({ timeStamp }) => pending.set(name, timeStamp), {
      capture: true,
    });
  const isOfCurve = ({ target, addedNodes }: MutationRecord): boolean =>
    [target, ...addedNodes].some(
      (node) =>
        node instanceof Element &&
        (node.matches("[data-curve]") || node.querySelector("[data-curve]") !== null),
    );
  new MutationObserver((records) => {
    const done = records.some(isOfCurve) ? ["mousemove", "mouseup"] : ["mousemove"];
    const since = done.flatMap((name) => {
      const at = pending.get(name);
      pending.delete(name);
      return at === undefined ? [] : [{ name, at }];
    });
    if (since.length === 0) return;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        for (const { name, at } of since) paints[name]!.push(performance.now() - at);
      };
      channel.port2.postMessage(null);
    });
  }).observe(document.body, {
    subtree: true,
    childList: true,
    attributes: true,
    characterData: true,
  });
}

const readPaints = (page: Page, name: string): Promise<number[]> =>
  page.evaluate(
    (of) => (window as unknown as { paints: Record<string, number[]> }).paints[of] ?? [],
    name,
  );
