// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { useSearchText } from "./use-params";

vi.mock("next/navigation", () => ({
  useSearchParams: () => new URLSearchParams(window.location.search),
}));

function SearchField() {
  const { text, setText } = useSearchText();
  return (
    <input aria-label="Search" value={text} onChange={(event) => setText(event.target.value)} />
  );
}

const open = (address: string): void => window.history.replaceState(null, "", address);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  cleanup();
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
