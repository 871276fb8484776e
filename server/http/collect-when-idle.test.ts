import { createServer } from "node:http";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { collectWhenIdle } from "./collect-when-idle";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("garbage is collected once when no request came for a while, and again after the next ones", () => {
  const collect = vi.fn();
  vi.stubGlobal("gc", collect);
  const server = createServer();
  collectWhenIdle(server, 1000);
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(900);
    server.emit("request");
  }
  expect(collect).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  expect(collect).toHaveBeenCalledTimes(1);
  server.emit("request");
  vi.advanceTimersByTime(1000);
  expect(collect).toHaveBeenCalledTimes(2);
});

test("without a collector to call, nothing is done", () => {
  vi.stubGlobal("gc", undefined);
  const server = createServer();
  collectWhenIdle(server, 1000);
  expect(server.listenerCount("request")).toBe(0);
});
