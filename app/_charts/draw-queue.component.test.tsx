// @vitest-environment jsdom
import { afterEach, expect, it, vi } from "vitest";
import { queueDrawing } from "./draw-queue";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it("the first chart is painted before the others are drawn, without those that were taken back", () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  let paint = (): void => undefined;
  vi.spyOn(window, "requestAnimationFrame").mockImplementation((callback) => {
    paint = () => callback(0);
    return 1;
  });
  const done: string[] = [];
  const [, takeBack] = ["first", "second", "third", "fourth"].map((name) =>
    queueDrawing(() => done.push(name)),
  );
  takeBack!();
  vi.advanceTimersByTime(100);
  expect(done).toEqual(["first"]);
  paint();
  vi.advanceTimersByTime(100);
  expect(done).toEqual(["first", "third", "fourth"]);
});
