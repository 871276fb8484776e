import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, RECORDED, test, waitLive } from "./support/product";

const run = promisify(execFile);
const TOLERATED_MS = 120_000;

/** `npm run s3 -- ...` as a person types it. */
async function runCommand(server: string, ...args: string[]): Promise<string> {
  const { stdout } = await run("npm", ["run", "--silent", "s3", "--", ...args], {
    env: { ...process.env, S3_SERVER: server },
    timeout: TOLERATED_MS,
  });
  return stdout;
}

test(
  "a run launched from the command line is in the page's list, and the page's is in the command line's",
  { tag: "@long" },
  async ({ page, productAddress }) => {
    const s3 = (...args: string[]) => runCommand(productAddress, ...args);
    test.setTimeout(3 * TOLERATED_MS);
    const launched = JSON.parse(
      await s3(
        "launch",
        "--preset",
        "atlas-rag",
        "--set",
        "name=From the command line",
        "--set",
        "limit=4",
        "--json",
      ),
    ) as { id: string };
    await page.goto("/runs");
    await waitLive(page);
    const row = page.locator(`tr[data-run="${launched.id}"]`);
    await expect(row).toContainText("From the command line");
    // A predict run of four questions: its state changes on the page by itself.
    await expect(row.locator("[data-run-state]")).toHaveAttribute("data-run-state", "succeeded", {
      timeout: 2 * TOLERATED_MS,
    });

    const listed = JSON.parse(await s3("list", "--json")) as { id: string; state: string }[];
    expect(listed.find((r) => r.id === launched.id)?.state).toBe("succeeded");
    expect(await s3("list")).toContain("From the command line");

    await row.getByRole("link", { name: "From the command line" }).click();
    await expect(page.getByText("Where answers were lost")).toBeVisible();
  },
);

test("a wrong setting on the command line is refused by its path", async ({ productAddress }) => {
  await expect(
    runCommand(productAddress, "launch", "--preset", "atlas-smollm2-grpo", "--set", "rl.stepz=2"),
  ).rejects.toThrow(/stepz/);
});

test("a run's report is bundled in a folder that opens from the disk without a server, in either language", async ({
  page,
  productAddress,
}, testInfo) => {
  test.setTimeout(3 * TOLERATED_MS);
  const requested: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  const listed = JSON.parse(await runCommand(productAddress, "list", "--json")) as {
    id: string;
    name: string;
  }[];
  const { id } = listed.find(({ name }) => name === RECORDED.training)!;
  for (const [language, tag, chart] of [
    ["en", "en", "Held-out accuracy"],
    ["zh", "zh-Hans", "留出准确率"],
  ] as const) {
    const folder = testInfo.outputPath(language);
    const asked = ["run", "bundle", id, "--to", folder, "--language", language];
    expect(await runCommand(productAddress, ...asked)).toContain("wrote");
    const address = pathToFileURL(join(folder, "index.html")).href;
    await page.goto(address);
    await expect(page.locator("html")).toHaveAttribute("lang", tag);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(RECORDED.training);
    await expect(page.locator("figcaption", { hasText: chart }).first()).toBeVisible();
    await expect(page.locator("svg path").first()).toBeVisible();
    expect(requested.splice(0)).toEqual([address]);
    const data = JSON.parse(await readFile(join(folder, "report.json"), "utf8")) as {
      run: { name: string };
    };
    expect(data.run.name).toBe(RECORDED.training);
  }
});
