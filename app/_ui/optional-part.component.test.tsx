import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { defer } from "./deferred";
import { deferPart } from "./optional-part";

// React says on the console what a boundary has caught.
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
afterEach(() => vi.restoreAllMocks());

it("a part that cannot be loaded leaves the page, and is loaded anew on request", async () => {
  const user = userEvent.setup({ delay: null });
  let fails = true;
  const Costs = deferPart<{ sum: number }>(
    () =>
      fails
        ? Promise.reject(new Error("no connection"))
        : Promise.resolve(({ sum }) => <p>Costs {sum}</p>),
    () => <p>loading</p>,
  );
  renderPage(
    <>
      <h1>Page</h1>
      <Costs sum={4} />
    </>,
  );
  expect(screen.getByText("loading")).toBeTruthy();
  expect((await screen.findByRole("alert")).textContent).toContain("no connection");
  expect(screen.getByRole("heading", { name: "Page" })).toBeTruthy();
  fails = false;
  await user.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByText("Costs 4")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
});

it("what can be done without is null while it cannot be loaded, and is tried again", async () => {
  const load = vi.fn(() => Promise.reject<string>(new Error("no connection")));
  const tip = defer(load);
  function Button({ open }: { open: boolean }) {
    return <button title={tip.useOptionalModule(open) ?? "none"}>Go</button>;
  }
  const view = render(<Button open />);
  await waitFor(() => expect(load).toHaveBeenCalledTimes(1));
  view.rerender(<Button open={false} />);
  expect(screen.getByRole("button", { name: "Go" }).title).toBe("none");
  load.mockImplementation(() => Promise.resolve("tip"));
  view.rerender(<Button open />);
  await waitFor(() => expect(screen.getByRole("button").title).toBe("tip"));
});
