import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test, waitLive } from "./support/product";

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

test("a run launched from the command line is in the page's list, and the page's is in the command line's", async ({
  page,
  productAddress,
}) => {
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
});

test("a wrong setting on the command line is refused by its path", async ({ productAddress }) => {
  await expect(
    runCommand(productAddress, "launch", "--preset", "atlas-smollm2-grpo", "--set", "rl.stepz=2"),
  ).rejects.toThrow(/stepz/);
});
