import { connect } from "@/cli/lib/client";
import { findRecorded } from "./screenshots/pages";
import { expect, test, waitLive } from "./support/product";

/** What people choose on a page stands in its address: a link, a reload and the way back show the same. */

test("the two methods of the quadrants are kept in the address", async ({
  page,
  productAddress,
}) => {
  const { client, close } = connect(productAddress);
  const { rows } = await client.runs.list.query({ limit: 200 }).finally(close);
  const runs = rows.filter(
    ({ kind, name }) => kind === "predict" && name.startsWith("Atlas held-out"),
  );
  expect(runs.length).toBeGreaterThanOrEqual(3);
  const ids = runs.slice(0, 3).map(({ id }) => id);
  await page.goto(`/compare?runs=${ids.join(",")}`);
  await waitLive(page);
  const pair = page.getByLabel("Pair", { exact: true });
  const fields = page.locator("[data-quadrant]");
  const readFields = () => fields.allInnerTexts();
  await expect(fields.nth(2)).toContainText("Only B right");
  const ofFirst = await readFields();

  await pair.selectOption({ label: "A and C" });
  await expect(page).toHaveURL(/pair=AC/);
  await expect(fields.nth(2)).toContainText("Only C right");
  const ofSecond = await readFields();
  expect(ofSecond).not.toEqual(ofFirst);
  await page.reload();
  await expect.poll(readFields).toEqual(ofSecond);
  await page.locator("[data-compared] a").first().click();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
  await page.goBack();
  await expect.poll(readFields, { message: "the way back" }).toEqual(ofSecond);
  await page.goForward();
  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}$/);
  await page.goBack();

  // The letters are those of other runs once one is taken out.
  await page.getByRole("button", { name: `Take ${runs[0]!.name} out` }).click();
  await expect(page.locator("[data-compared]")).toHaveCount(2);
  await expect(page).not.toHaveURL(/pair=/);
});

test("picked methods, the published tables and their metric are kept in the leaderboard's address", async ({
  page,
}) => {
  await page.goto("/leaderboard");
  await waitLive(page);
  const findBox = (method: string) =>
    page.locator("tr[data-method]", { hasText: method }).getByRole("checkbox");
  // Both over the same questions.
  const [rag, ircot] = [findBox("RAG, top 3"), findBox("IRCoT")];
  await rag.check();
  await ircot.check();
  await expect(page).toHaveURL(/pick=[^&]+/);
  const compare = page.getByRole("link", { name: "Compare 2" });
  const target = await compare.getAttribute("href");

  const summary = page.locator("[data-published-tables] > summary");
  await summary.click();
  const metric = page.locator("[data-published-tables]").getByLabel("Metric");
  const s3 = page.locator("[data-published-tables] tr", { hasText: /^s3 Qwen/ }).first();
  await expect(metric).toHaveValue("accuracy");
  const accuracy = await s3.innerText();
  await metric.selectOption("em");
  await expect(page).toHaveURL(/tables=em/);
  await expect.poll(() => s3.innerText()).not.toBe(accuracy);
  const exact = await s3.innerText();

  const expectAll = async (): Promise<void> => {
    await expect(rag).toBeChecked();
    await expect(ircot).toBeChecked();
    await expect(findBox("Direct")).not.toBeChecked();
    await expect(compare).toHaveAttribute("href", target!);
    await expect(metric).toHaveValue("em");
    await expect.poll(() => s3.innerText()).toBe(exact);
  };
  await page.reload();
  await expectAll();
  await compare.click();
  await expect(page).toHaveURL(/\/compare\?runs=/);
  await page.goBack();
  await expectAll();

  await rag.uncheck();
  await ircot.uncheck();
  await summary.click();
  await expect(page).not.toHaveURL(/pick=|tables=/);
});

test("the metric by which parts of a question set are compared is kept in the address", async ({
  page,
  productAddress,
}) => {
  const { client, close } = connect(productAddress);
  const { evaluations } = await findRecorded(client).finally(close);
  await page.goto(`/retrieval?runs=${evaluations.join(",")}`);
  await waitLive(page);
  const metric = page.getByLabel("Metric of the parts");
  const last = await metric.locator("option").last().getAttribute("value");
  await metric.selectOption(last);
  await expect.poll(() => new URL(page.url()).searchParams.get("parts")).toBe(last);
  await page.reload();
  await expect(metric).toHaveValue(last!);
});
