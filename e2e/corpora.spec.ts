import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, expectAccessible, measureOverflow, test, waitLive } from "./support/product";

const INDEXED_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "s3-e2e-corpora-"));
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

function writeLines(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join("\n"));
  return path;
}

test("a corpus is imported from a file, indexed, and shown with what was left out", async ({
  page,
}) => {
  test.setTimeout(4 * INDEXED_MS);
  const animals = ["heron", "otter", "marten", "viper", "beetle"].map((animal, i) =>
    JSON.stringify({
      id: `a${i}`,
      contents: `"The ${animal}"\nThe ${animal} lives at the river ${i}.`,
    }),
  );
  const path = writeLines("river-animals.jsonl", [
    ...animals,
    "no JSON at all",
    JSON.stringify({ id: "a0", contents: '"The heron"\nThe heron lives at the river 0.' }),
  ]);
  await page.goto("/corpora");
  await waitLive(page);
  await expect(page.locator('[data-corpus="atlas"]')).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Import a corpus" }).first().click();
  await page.getByLabel("File", { exact: true }).setInputFiles(path);
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("river-animals");
  await page.getByText("How it is read, licence").click();
  await page.getByLabel("Licence").fill("CC0");
  // What it holds is known before it is imported.
  await page.getByRole("button", { name: "Preview" }).click();
  const preview = page.getByRole("region", { name: "Preview" });
  await expect(preview).toContainText("JSON lines, UTF-8", { timeout: 60_000 });
  await expect(preview).toContainText("The heron lives at the river 0.");
  await expect(preview.getByRole("list", { name: "Lines that cannot be used" })).toContainText(
    "line 6 is not JSON",
  );
  await page.getByRole("button", { name: "Import", exact: true }).click();

  // The run is shown where one is, and the corpus appears without a reload.
  const row = page.locator('[data-corpus="river-animals"]');
  await expect(row).toContainText("1 bad line", { timeout: INDEXED_MS });
  await row.getByRole("link", { name: "river-animals" }).click();
  await expect(page.getByRole("heading", { name: "river-animals" })).toBeVisible();
  await expect(page.getByTestId("indexes")).toContainText("minilm", { timeout: INDEXED_MS });
  await expect(page.getByText("CC0")).toBeVisible();
  await expect(page.getByTestId("bad-lines")).toContainText("is not JSON");
  await expect(page.getByText(/1 passage that repeated another/)).toBeVisible();
  await expect(page.getByTestId("lengths")).toContainText("5");
  await expect(page.locator("[data-passage]")).toHaveCount(5);

  // A passage by its id, read on the worker.
  await page.getByLabel("Id of a passage").fill("a3");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.locator("[data-passage]")).toHaveCount(1);
  await expect(page.locator('[data-passage="a3"]')).toContainText(
    "The viper lives at the river 3.",
    { timeout: 30_000 },
  );
  await page.reload();
  await expect(page.locator('[data-passage="a3"]')).toBeVisible();
  await page.getByLabel("Id of a passage").fill("zz");
  await page.getByRole("button", { name: "Find" }).click();
  await expect(page.getByText(/has no passage with the id “zz”/)).toBeVisible({ timeout: 30_000 });

  await expect(page.getByRole("link", { name: "Open in playground" })).toHaveAttribute(
    "href",
    "/playground?corpus=river-animals",
  );
  await expect(page.getByRole("link", { name: "Serve" })).toHaveAttribute(
    "href",
    "/runs/new?kind=serve&corpus=river-animals",
  );

  // What an index costs is known before it is launched.
  await page.getByRole("link", { name: "Build an index" }).click();
  const plan = page.getByTestId("index-plan");
  await expect(plan.locator('[data-index-plan="Flat"]')).toContainText("is there already", {
    timeout: 60_000,
  });
  await page.locator('[id="retriever.kind"]').selectOption("bm25");
  await expect(plan.locator('[data-index-plan="BM25"]')).toContainText("Memory to build", {
    timeout: 60_000,
  });
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 844 });
    expect(await measureOverflow(page), `form at ${width}`).toBeLessThanOrEqual(0);
  }
  await page.goBack();

  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.getByRole("heading", { name: "river-animals" })).toBeVisible();
  expect(await measureOverflow(page), "corpus").toBeLessThanOrEqual(0);
  await page.goto("/corpora");
  await expect(page.locator('[data-corpus="river-animals"]')).toBeVisible();
  expect(await measureOverflow(page), "corpora").toBeLessThanOrEqual(0);

  await page
    .locator('[data-corpus="river-animals"]')
    .getByRole("link", { name: "river-animals" })
    .click();
  await page.getByRole("button", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText("5 passages, 1 index");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(page).toHaveURL(/\/corpora$/, { timeout: 60_000 });
  await expect(page.locator('[data-corpus="river-animals"]')).toHaveCount(0);
  await page.goto("/corpora/atlas");
  await expect(page.getByRole("button", { name: "Delete" })).toBeDisabled();
});

test("an import that cannot be is told on the page, and the command line imports a folder", async ({
  page,
  productAddress,
}) => {
  test.setTimeout(2 * INDEXED_MS);
  await page.goto("/corpora");
  await waitLive(page);
  await page.getByRole("button", { name: "Import a corpus" }).first().click();
  await page.getByRole("tab", { name: "Path on the worker" }).click();
  await page.getByLabel("File or folder on the worker").fill("/nowhere/at-all.jsonl");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  const failed = page.locator("[data-import]", { hasText: "Import at-all" });
  await expect(failed.locator("[data-run-state]")).toHaveAttribute("data-run-state", "failed", {
    timeout: 60_000,
  });

  writeLines("notes.md", [
    "# Rivers",
    "",
    "Herons stand in the shallows.",
    "",
    "# Woods",
    "",
    "Martens climb.",
  ]);
  const s3 = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)("npm", ["run", "--silent", "s3", "--", ...args], {
        env: { ...process.env, S3_SERVER: productAddress },
        timeout: INDEXED_MS,
      })
    ).stdout;
  expect(await s3("corpus", "import", join(folder, "notes.md"), "--preview")).toContain(
    "notes.md: text, UTF-8",
  );
  expect(
    await s3(
      "corpus",
      "import",
      join(folder, "notes.md"),
      "--name",
      "notes",
      "--no-index",
      "--watch",
    ),
  ).toContain("succeeded");
  const listed = JSON.parse(await s3("corpus", "list", "--json")) as {
    name: string;
    documents: number;
  }[];
  expect(listed.find((corpus) => corpus.name === "notes")?.documents).toBe(1);
  expect(await s3("corpus", "show", "notes")).toContain("notes.md");
  await expect(page.locator('[data-corpus="notes"]')).toBeVisible({ timeout: 30_000 });
  expect(await s3("corpus", "remove", "notes")).toContain("deleted notes from");
  await expect(page.locator('[data-corpus="notes"]')).toHaveCount(0, { timeout: 30_000 });
});
