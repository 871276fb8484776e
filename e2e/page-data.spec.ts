import { expect, RECORDED, test, waitLive } from "./support/product";

/** What a page shows comes with it; what comes later is asked for by its scripts. */

test("a page brings its data, and what happens from then on is told", async ({ page }) => {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const wasAsked = (procedure: string): boolean => asked.some((path) => path.includes(procedure));

  await test.step("opened by its address, it does not ask for it again", async () => {
    await page.goto("/runs?kind=train");
    const row = page.locator("tr[data-run]").filter({ hasText: RECORDED.training });
    await expect(row).toBeVisible();
    expect(wasAsked("runs.list")).toBe(false);
    await waitLive(page);
  });

  await test.step("the next page, by a link, asks for its own", async () => {
    await page.getByRole("link", { name: RECORDED.training }).first().click();
    await expect(page.getByRole("tab", { name: "Overview" })).toBeVisible();
    expect(wasAsked("runs.get")).toBe(true);
  });

  await test.step("a run's page brings the run", async () => {
    asked.length = 0;
    await page.reload();
    await expect(page.getByRole("tab", { name: "Overview" })).toBeVisible();
    expect(wasAsked("runs.get")).toBe(false);
  });
});

test("pages, scripts and the API go compressed to who takes it, and plain to who does not", async ({
  context,
}) => {
  const read = async (path: string, encoding: string) => {
    const headers = { "accept-encoding": encoding };
    const answer = await context.request.get(path, { headers });
    expect(answer.status(), path).toBe(200);
    return { encoding: answer.headers()["content-encoding"], text: await answer.text() };
  };
  const script = /\/_next\/static\/[^"]+\.js/.exec((await read("/", "identity")).text)?.[0];
  for (const path of ["/", script!, "/trpc/catalogue.presets"]) {
    const plain = await read(path, "identity");
    expect(plain.encoding, path).toBeUndefined();
    for (const encoding of ["br", "gzip"]) {
      const { text, encoding: used } = await read(path, encoding);
      expect(used, `${path} for who takes ${encoding}`).toBe(encoding);
      // A page is made anew each time, with what has happened since.
      if (path !== "/") expect(text).toBe(plain.text);
    }
  }
});
