// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useQuickParam, useSearchText } from "./use-params";

/** What the framework has read of the address; null: all of it. */
let read: string | null = null;
vi.mock("next/navigation", () => ({
  useSearchParams: () => new URLSearchParams(read ?? window.location.search),
}));

function SearchField() {
  const { text, setText } = useSearchText();
  return (
    <input aria-label="Search" value={text} onChange={(event) => setText(event.target.value)} />
  );
}

function Letters() {
  const [text, setText] = useQuickParam("letters");
  return <button onClick={() => setText(`${text}a`)}>{`letters ${text}`}</button>;
}

const open = (address: string): void => window.history.replaceState(null, "", address);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  cleanup();
  read = null;
  vi.useRealTimers();
});

it("writes what was typed into the address when nothing was typed for a moment", () => {
  open("/runs?q=old&sort=name");
  render(<SearchField />);
  fireEvent.change(screen.getByLabelText("Search"), { target: { value: "new " } });
  vi.advanceTimersByTime(200);
  expect(window.location.search).toBe("?q=old&sort=name");
  vi.advanceTimersByTime(200);
  expect(window.location.search).toBe("?q=new&sort=name");
});

it("writes nothing into the address of a page that was opened meanwhile", () => {
  open("/runs?q=old");
  render(<SearchField />);
  open("/runs/1");
  vi.advanceTimersByTime(1_000);
  expect(window.location.href).toMatch(/\/runs\/1$/);

  open("/runs?q=old");
  fireEvent.change(screen.getByLabelText("Search"), { target: { value: "new" } });
  open("/runs/1");
  vi.advanceTimersByTime(1_000);
  expect(window.location.href).toMatch(/\/runs\/1$/);
});

it("goes on from a change that the framework has not read yet, and is not set back by what it read before", () => {
  open("/labels?letters=x&run=1");
  read = "?letters=x&run=1";
  const { rerender } = render(<Letters />);
  fireEvent.click(screen.getByRole("button"));
  fireEvent.click(screen.getByRole("button"));
  expect(screen.getByRole("button").textContent).toBe("letters xaa");
  expect(window.location.search).toBe("?letters=xaa&run=1");
  read = "?letters=xa&run=1";
  rerender(<Letters />);
  expect(screen.getByRole("button").textContent).toBe("letters xaa");
  read = null;
  open("/labels?letters=b");
  rerender(<Letters />);
  expect(screen.getByRole("button").textContent).toBe("letters b");
});
