import { join } from "node:path";
import type { BrowserContext, Page } from "@playwright/test";
import sharp from "sharp";
import type { Language } from "@/core/texts/languages";
import { resolveInRoot } from "@/lib/paths.mjs";
import type { Client } from "@/cli/lib/client";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { startFreshProduct } from "../support/fresh-product";
import { expect, RECORDED, waitLive } from "../support/product";
import { addRuns, buildAddress, findRecorded, PAGES, type PageName, type Shown } from "./pages";
import { waitQuiet, watchRequests } from "./picture";

/** The pictures of the READMEs and the guides, small enough to be kept with the sources. */

const FOLDER = resolveInRoot("docs", "images");
/** Pixels of a window by those of the picture. */
const SCALE = 0.8;
const WIDTH = 1440;

interface DocsPicture {
  file: string;
  /** A page by its name, or an address. */
  page: PageName | `/${string}`;
  /** Of the window. */
  height: number;
  language?: Language;
  /** Heading that is scrolled to the top. */
  from?: string;
}

/** Of the example alone. */
const OF_EXAMPLE: readonly DocsPicture[] = [
  { file: "run.png", page: "run", height: 1250 },
  { file: "run.zh.png", page: "run", height: 1250, language: "zh" },
  { file: "episode.png", page: "episode", height: 900 },
  { file: "leaderboard.png", page: "leaderboard", height: 1000 },
  { file: "runs-compare.png", page: "runs-compare", height: 1000 },
  { file: "new-run.png", page: "new-run", height: 1000 },
  { file: "home.png", page: "home", height: 900 },
  { file: "sweep.png", page: "sweep", height: 900 },
  { file: "corpus.png", page: "corpus", height: 800 },
  { file: "playground.png", page: "/playground?q=capital+of+Peru", height: 800 },
];

/** Of what no recording has, for the guides. */
const OF_ADDED: readonly DocsPicture[] = [
  { file: "external-run.png", page: "run-external", height: 800 },
  { file: "pools.png", page: "workers", height: 600, from: "Pools" },
  { file: "notifications.png", page: "notifications", height: 500 },
  { file: "mirrors.png", page: "mirrors", height: 500 },
];

/** Opens a window of a person who reads a language; at another product where an address with its secret is given. */
export type OpenContext = (
  language: Language,
  size: { width: number; height: number },
  address?: string,
) => Promise<BrowserContext>;

/**
 * Takes the pictures, and the film of the first minutes.
 * @param origin of the product's pages
 * @param pages only pictures of these; where they are not all, there is no film
 */
export async function takeReadmePictures(
  client: Client,
  origin: string,
  pages: readonly PageName[],
  open: OpenContext,
): Promise<void> {
  const recorded = await findRecorded(client);
  const isWhole = pages.length === Object.keys(PAGES).length;
  const choose = (pictures: readonly DocsPicture[]): DocsPicture[] =>
    pictures.filter(({ page }) => (isAddress(page) ? isWhole : pages.includes(page)));
  await takePictures(choose(OF_EXAMPLE), { ...recorded, external: "", serve: "" }, open);
  if (isWhole) await takeFilm(open);
  const added = await addRuns(client, origin, recorded.training);
  await addTargets(client, origin);
  await takePictures(choose(OF_ADDED), { ...recorded, ...added }, open);
}

/** Adds a pool, a channel and a mirror. Nothing is sent to them: no run ends, and the pool starts no worker. */
async function addTargets(client: Client, origin: string): Promise<void> {
  await client.pools.create.mutate({
    name: "gpu-cluster",
    target: { kind: "ssh", host: "trainer@gpu-1.example.com" },
    template: DEFAULT_TEMPLATES.ssh,
    serverUrl: origin,
    quota: 0,
  });
  await client.notifications.create.mutate({
    name: "team",
    events: ["succeeded", "failed", "alarm"],
    origin,
    address: { kind: "slack", url: "https://hooks.slack.com/services/T000/B000/example" },
  });
  await client.mirrors.create.mutate({ name: "event files", address: { kind: "tensorboard" } });
}

async function takePictures(
  pictures: readonly DocsPicture[],
  shown: Shown,
  open: OpenContext,
): Promise<void> {
  for (const { file, page: name, height, language = "en", from } of pictures) {
    const context = await open(language, { width: WIDTH, height });
    const page = await context.newPage();
    const pending = watchRequests(page);
    await page.goto(isAddress(name) ? name : buildAddress(name, shown));
    await waitDrawn(page, pending);
    if (language === "zh") await requireChineseFont(page);
    if (from)
      await page
        .getByRole("heading", { name: from, exact: true })
        .first()
        .evaluate((heading) => heading.scrollIntoView({ block: "start", behavior: "instant" }));
    await sharp(await page.screenshot({ animations: "disabled" }))
      .resize(WIDTH * SCALE)
      .png({ palette: true, colours: 128, effort: 10 })
      .toFile(join(FOLDER, file));
    await context.close();
    console.log(join("docs", "images", file));
  }
}

function isAddress(page: DocsPicture["page"]): page is `/${string}` {
  return page.startsWith("/");
}

/**
 * Waits until the page is quiet, every chart in the window is drawn (they are drawn one after the other) and the form of a
 * new run knows what a worker must have, which it asks for some time after the last change.
 */
async function waitDrawn(page: Page, pending: ReturnType<typeof watchRequests>): Promise<void> {
  await waitQuiet(page, pending);
  await page.waitForFunction(() =>
    [...document.querySelectorAll("[data-chart]:not([data-points='0'])")].every((chart) => {
      const { top, bottom } = chart.getBoundingClientRect();
      return (
        bottom < 0 || top > window.innerHeight || chart.querySelector(".recharts-surface") !== null
      );
    }),
  );
  await page.waitForFunction(
    () => document.querySelector("[aria-label='What a worker must have']:empty") === null,
  );
}

/** @throws Error where the browser has no font with Chinese characters and draws one box for all of them */
async function requireChineseFont(page: Page): Promise<void> {
  const isThere = await page.evaluate(() => {
    const drawn = ["\u6f14", "\u7b54"].map((text) => {
      const canvas = document.createElement("canvas");
      canvas.getContext("2d")?.fillText(text, 0, 20);
      return canvas.toDataURL();
    });
    return drawn[0] !== drawn[1];
  });
  if (!isThere)
    throw new Error("no font here has Chinese characters: install one, e.g. fonts-noto-cjk");
}

const FILM = { width: 1200, height: 750, shownWidth: 900 };

/** Pictures of a window one after the other, each with how long it is shown. */
class Film {
  private readonly frames: { picture: Buffer; ms: number }[] = [];
  private pending: ReturnType<typeof watchRequests>;

  constructor(private page: Page) {
    this.pending = watchRequests(page);
  }

  /** Goes on in another window, in which nothing is open yet. */
  turnTo(page: Page): void {
    this.page = page;
    this.pending = watchRequests(page);
  }

  /** What the window shows once nothing loads any more. */
  async show(ms: number): Promise<void> {
    await waitDrawn(this.page, this.pending);
    const picture = await sharp(await this.page.screenshot({ animations: "disabled" }))
      .resize(FILM.shownWidth)
      .png()
      .toBuffer();
    this.frames.push({ picture, ms });
  }

  /** Reads on: scrolls down by a part of the window at a time. */
  async read(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.page.evaluate((by) => window.scrollBy({ top: by, behavior: "instant" }), 450);
      await this.show(1_500);
    }
  }

  /** Writes it as GIF. */
  async save(file: string): Promise<void> {
    await sharp(
      this.frames.map(({ picture }) => picture),
      { join: { animated: true } },
    )
      .gif({
        delay: this.frames.map(({ ms }) => ms),
        colours: 128,
        effort: 10,
        dither: 0,
        interFrameMaxError: 4,
      })
      .toFile(file);
  }
}

/** Plays what README.md tells of the first five minutes: on the example, then on a training that is launched for it. */
async function takeFilm(open: OpenContext): Promise<void> {
  const context = await open("en", FILM);
  const page = await context.newPage();
  const film = new Film(page);
  const navigate = (name: string): Promise<void> =>
    page.getByRole("navigation").getByRole("link", { name, exact: true }).first().click();
  await page.goto("/");
  await waitLive(page);
  await film.show(2_500);
  await navigate("Runs");
  await film.show(2_000);
  await page.getByRole("link", { name: RECORDED.training, exact: true }).first().click();
  await page.waitForURL(/\/runs\/[0-9a-f-]{36}/);
  await film.show(2_500);
  await film.read(3);
  await page.goto(`${page.url().split("?")[0]}?tab=episodes&filter=gained&searches=1..`);
  await film.show(2_000);
  await page.locator("tbody tr a").first().click();
  await page.waitForURL(/\/episodes\//);
  await film.show(2_500);
  await film.read(3);
  await navigate("Leaderboard");
  await page.waitForURL(/\/leaderboard/);
  await film.show(3_000);
  await film.read(1);
  await context.close();
  await playLaunch(film, open);
  await film.save(join(FOLDER, "first-minutes.gif"));
  console.log(join("docs", "images", "first-minutes.gif"));
}

/** Of a training that shows its first steps within minutes on a laptop. */
const SMALL_TRAINING: Readonly<Record<string, string>> = {
  name: "My first run",
  "coldStart.demonstrations": "16",
  "search.retrieve": "4",
  "rl.steps": "6",
  "rl.questionsPerStep": "2",
  "evaluation.questions": "4",
};
const LIVE_STEPS = 5;
const STEP_MS = 300_000;

/** A training is launched from the form and followed live, on a product that has done nothing yet. */
async function playLaunch(film: Film, open: OpenContext): Promise<void> {
  const product = await startFreshProduct();
  try {
    const context = await open("en", FILM, product.address);
    const page = await context.newPage();
    film.turnTo(page);
    await page.goto("/runs/new");
    await waitLive(page);
    // The installation's own worker attaches within seconds; nobody who reads the page is so fast.
    await expect(page.getByRole("button", { name: "Launch", exact: true })).toBeEnabled();
    await film.show(2_500);
    for (const [path, value] of Object.entries(SMALL_TRAINING))
      await page.locator(`[id="setting-${path}"]`).fill(value);
    await film.read(1);
    await page.getByRole("button", { name: "Launch", exact: true }).click();
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}/);
    await film.show(2_000);
    for (let step = 1; step <= LIVE_STEPS; step++) {
      await page.waitForFunction(
        (points) =>
          Number(
            document.querySelector('[data-chart="reward"]')?.getAttribute("data-points") ?? 0,
          ) >= points,
        step,
        { timeout: STEP_MS },
      );
      await film.show(1_000);
    }
    await film.read(1);
    await context.close();
  } finally {
    await product.stop();
  }
}
