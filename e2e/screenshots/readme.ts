import { join } from "node:path";
import type { BrowserContext, Page } from "@playwright/test";
import sharp from "sharp";
import type { Language } from "@/core/texts/languages";
import { inRoot } from "@/lib/paths.mjs";
import { RECORDED, waitLive } from "../support/product";
import { buildAddress, type PageName, type Shown } from "./pages";
import { waitQuiet, watchRequests } from "./picture";

/** The pictures of README.md and README.zh.md, small enough to be kept with the sources. */

const FOLDER = inRoot("docs", "images");
/** Pixels of a window by those of the picture. */
const SCALE = 0.8;
const WIDTH = 1440;

/** File, page and height of the window. */
const PICTURES: readonly [file: string, page: PageName, height: number, language: Language][] = [
  ["run.png", "run", 1250, "en"],
  ["run.zh.png", "run", 1250, "zh"],
  ["episode.png", "episode", 900, "en"],
  ["leaderboard.png", "leaderboard", 1000, "en"],
  ["runs-compare.png", "runs-compare", 1000, "en"],
  ["new-run.png", "new-run", 1000, "en"],
];

/** Opens a window of a person who reads a language. */
export type OpenContext = (
  language: Language,
  size: { width: number; height: number },
) => Promise<BrowserContext>;

/** Takes the pictures, and the film of the first minutes. */
export async function takeReadmePictures(shown: Shown, open: OpenContext): Promise<void> {
  for (const [file, name, height, language] of PICTURES) {
    const context = await open(language, { width: WIDTH, height });
    const page = await context.newPage();
    const pending = watchRequests(page);
    await page.goto(buildAddress(name, shown));
    await waitDrawn(page, pending);
    if (language === "zh") await requireChineseFont(page);
    await sharp(await page.screenshot({ animations: "disabled" }))
      .resize(WIDTH * SCALE)
      .png({ palette: true, colours: 128, effort: 10 })
      .toFile(join(FOLDER, file));
    await context.close();
    console.log(join("docs", "images", file));
  }
  await takeFilm(open);
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

  constructor(
    private readonly page: Page,
    private readonly pending: ReturnType<typeof watchRequests>,
  ) {}

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

/** Plays what README.md tells of the first five minutes, on the example. */
async function takeFilm(open: OpenContext): Promise<void> {
  const context = await open("en", FILM);
  const page = await context.newPage();
  const film = new Film(page, watchRequests(page));
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
  await page.goto("/runs/new");
  await film.show(2_500);
  await film.read(1);
  await film.save(join(FOLDER, "first-minutes.gif"));
  await context.close();
  console.log(join("docs", "images", "first-minutes.gif"));
}
