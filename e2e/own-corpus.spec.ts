import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, waitLive } from "./support/product";

/** The corpus is encoded, the models are loaded, four questions are answered. */
const INDEXING_MS = 180_000;
const ANSWERING_MS = 300_000;

const RIVERS = [
  "Amber",
  "Birch",
  "Cobalt",
  "Dun",
  "Elder",
  "Fern",
  "Garnet",
  "Heron",
  "Ivory",
  "Juniper",
  "Kestrel",
  "Larch",
  "Marten",
  "Nettle",
  "Osprey",
  "Pearl",
];
const MAYORS = [
  "Ada Holm",
  "Bram Voss",
  "Cleo Marsh",
  "Dov Lind",
  "Esme Park",
  "Finn Ode",
  "Greta Sol",
  "Hugo Bell",
  "Ines Dahl",
  "Jonas Reed",
  "Kaya Frost",
  "Leo Hart",
  "Mona Quist",
  "Nils Berg",
  "Olga West",
  "Piet Vane",
];
const towns = RIVERS.map((river, i) => ({
  town: `${river}ford`,
  river: `${river} River`,
  mayor: MAYORS[i]!,
}));
const corpus = towns.flatMap(({ town, river, mayor }) => [
  { id: `${town}-river`, title: river, text: `The ${river} flows through the town of ${town}.` },
  { id: `${town}-mayor`, title: town, text: `The mayor of ${town} is ${mayor}.` },
]);
const questions = (part: typeof towns) =>
  part.map(({ town, river, mayor }) => ({
    id: `q-${town}`,
    question: `Who is the mayor of the town on the ${river}?`,
    answers: [mayor],
    goldIds: [`${town}-river`, `${town}-mayor`],
    goldQueries: [`mayor of ${town}`],
    type: "two-hop",
    group: town,
  }));
const jsonl = (rows: readonly object[]): string =>
  rows.map((row) => JSON.stringify(row) + "\n").join("");

test(
  "one's own corpus: imported from a file, indexed, tried in the playground, searched for one's own questions",
  { tag: "@long" },
  async ({ page }) => {
    test.setTimeout(2 * INDEXING_MS + ANSWERING_MS);
    const folder = mkdtempSync(join(tmpdir(), "s3-own-"));
    try {
      const files = {
        corpus: join(folder, "towns.jsonl"),
        train: join(folder, "towns-train.jsonl"),
        heldOut: join(folder, "towns-held-out.jsonl"),
      };
      writeFileSync(files.corpus, `${jsonl(corpus)}{"id": "broken",\n`);
      writeFileSync(files.train, jsonl(questions(towns.slice(0, 12))));
      writeFileSync(files.heldOut, jsonl(questions(towns.slice(12))));

      await page.goto("/corpora");
      await waitLive(page);
      await page.getByRole("button", { name: "Import a corpus" }).first().click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("File", { exact: true }).setInputFiles(files.corpus);
      await expect(dialog.getByLabel("Name", { exact: true })).toHaveValue("towns");
      await dialog.getByRole("button", { name: "Import", exact: true }).click();
      await expect(dialog).toHaveCount(0);
      const row = page.locator('[data-corpus="towns"]');
      await expect(row).toContainText("32", { timeout: INDEXING_MS });
      await row.getByRole("link", { name: "towns" }).click();
      await expect(page.getByTestId("bad-lines")).toContainText("33");
      await expect(page.getByTestId("indexes")).toContainText("minilm", { timeout: INDEXING_MS });

      await page.getByRole("link", { name: "Open in playground" }).click();
      await expect(page).toHaveURL(/corpus=towns/);
      await page.getByLabel("Query").fill("mayor of Heronford");
      await page.keyboard.press("Enter");
      const column = page.locator("[data-column]").first();
      await expect(column).toHaveAttribute("data-column-state", "done", { timeout: INDEXING_MS });
      await expect(column.locator("[data-document]").first()).toContainText("Hugo Bell");

      for (const [name, file] of [
        ["towns-train", files.train],
        ["towns-held-out", files.heldOut],
      ] as const) {
        await page.goto("/questions");
        await page.getByRole("button", { name: "Import questions" }).first().click();
        await dialog.getByLabel("File", { exact: true }).setInputFiles(file);
        await expect(dialog.getByLabel("Name")).toHaveValue(name);
        await dialog.getByRole("button", { name: "Import", exact: true }).click();
        await expect(page.locator(`[data-set="${name}"]`)).toBeVisible();
      }

      await page.goto("/runs/new?preset=atlas-s3");
      await waitLive(page);
      const set = (path: string, value: string) =>
        page.locator(`[id="setting-${path}"]`).fill(value);
      await set("name", "Towns");
      await page.locator('[id="setting-corpus"]').selectOption("towns");
      await page.locator('[id="setting-questions"]').selectOption("towns-held-out");
      await page.getByRole("button", { name: "Launch", exact: true }).click();
      await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
      await expect(page.locator("main header [data-run-state]").first()).toHaveAttribute(
        "data-run-state",
        "succeeded",
        { timeout: ANSWERING_MS },
      );
      await page.getByRole("tab", { name: "episodes" }).click();
      await page.locator("[data-episode]:visible").first().getByRole("link").click();
      await expect(page.locator('[data-turn="0"]')).toContainText(/ford|River/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
