import { describe, expect, it } from "vitest";
import { findRefusalReason, requireLoopback } from "./guard";

describe("findRefusalReason", () => {
  it.each([
    [{ host: "127.0.0.1:3000" }],
    [{ host: "localhost:3000", origin: "http://localhost:3000" }],
    [{ host: "localhost:3000", origin: "http://127.0.0.1:3000" }],
    [{ host: "[::1]:3000", origin: "http://[::1]:3000" }],
    [{ host: "localhost" }],
    [{ host: "127.0.0.2:3000", origin: "http://127.0.0.2:3000" }],
  ])("lets loopback through: %o", (headers) => expect(findRefusalReason(headers)).toBeNull());

  it.each([
    [{ host: "evil.example:3000" }],
    [{ host: "127.0.0.1.evil.example" }],
    [{ host: "127.evil.example" }],
    [{ host: "localhost@evil.example" }],
    [{}],
    [{ host: "127.0.0.1:3000", origin: "https://evil.example" }],
    [{ host: "127.0.0.1:3000", origin: "http://localhost.evil.example:3000" }],
    [{ host: "127.0.0.1:3000", origin: "null" }],
    [{ host: "127.0.0.1:3000", origin: "http://127.0.0.2:3000" }],
    [{ host: "127.0.0.1:3000", origin: "http://127.0.0.1:8000" }],
    [{ host: "127.0.0.1:3000", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
  ])("refuses %o", (headers) => expect(findRefusalReason(headers)).toBeTypeOf("string"));
});

describe("requireLoopback", () => {
  it("refuses every other address with what to do", () => {
    for (const host of ["0.0.0.0", "127.example.org"])
      expect(() => requireLoopback(host)).toThrow(/no TLS.*SSH tunnel/);
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"])
      expect(() => requireLoopback(host)).not.toThrow();
  });
});
