import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { createRef } from "react";
import { expect, it } from "vitest";
import { Button } from "./button";
import { Slot } from "./slot";

it("gives a link the look of a button, and keeps what the link has of its own", () => {
  render(
    <Button asChild variant="primary" className="mt-3">
      <a href="/runs" className="h-9">
        Runs
      </a>
    </Button>,
  );
  const link = screen.getByRole("link", { name: "Runs" });
  expect(link.getAttribute("href")).toBe("/runs");
  expect(link.getAttribute("type")).toBeNull();
  expect(link.className).toMatch(/bg-primary.* mt-3.* h-9$/);
  expect(link.className).not.toMatch(/\bh-8\b/);
});

it("calls the handlers of both, and gives the element to the references of both", async () => {
  const called: string[] = [];
  const [outer, inner] = [createRef<HTMLElement>(), createRef<HTMLButtonElement>()];
  render(
    <Slot ref={outer} onClick={() => called.push("given")}>
      <button ref={inner} type="button" onClick={() => called.push("own")}>
        Go
      </button>
    </Slot>,
  );
  await userEvent.click(screen.getByRole("button"));
  expect(called).toEqual(["own", "given"]);
  expect(outer.current).toBe(screen.getByRole("button"));
  expect(inner.current).toBe(outer.current);
});

it("keeps a handler where the child's own is undefined", async () => {
  const called: string[] = [];
  render(
    <Slot onClick={() => called.push("given")}>
      <button type="button" onClick={undefined}>
        Go
      </button>
    </Slot>,
  );
  await userEvent.click(screen.getByRole("button"));
  expect(called).toEqual(["given"]);
});
