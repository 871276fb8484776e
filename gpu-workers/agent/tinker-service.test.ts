import { describe, expect, it } from "vitest";
import { chooseTinkerService } from "./tinker-service";

const URL = "https://tinker.example";

describe("the Tinker service of a worker", () => {
  it("is none where none is named", () => {
    expect(chooseTinkerService({}, {})).toBeUndefined();
    expect(() => chooseTinkerService({}, { S3_TINKER_BASES: "a=b" })).toThrow("needs --tinker-url");
  });

  it("has an address, and names of its own for base models", () => {
    expect(
      chooseTinkerService(
        { tinkerUrl: "http://127.0.0.1:8000/" },
        { S3_TINKER_BASES: "qwen3-8b=Qwen/Qwen3-8B,small=org/x=y" },
      ),
    ).toEqual({
      url: "http://127.0.0.1:8000",
      key: undefined,
      bases: { "qwen3-8b": "Qwen/Qwen3-8B", small: "org/x=y" },
    });
    for (const entry of ["qwen", "=x", "x="])
      expect(() => chooseTinkerService({ tinkerUrl: URL }, { S3_TINKER_BASES: entry })).toThrow(
        "is not FOLDER=NAME",
      );
  });

  it("is given the key only where the worker was told that it may have it", () => {
    const key = { TINKER_API_KEY: "tml-secret" };
    const allowed = { ...key, S3_CREDENTIALS: `TINKER_API_KEY=${URL}` };
    expect(chooseTinkerService({ tinkerUrl: URL }, allowed)?.key).toBe("tml-secret");
    for (const environment of [key, { ...key, S3_CREDENTIALS: "TINKER_API_KEY=https://other" }])
      expect(() => chooseTinkerService({ tinkerUrl: `${URL}/v1` }, environment)).toThrow(
        `Start it with this flag added: --credential TINKER_API_KEY=${URL}`,
      );
    expect(() =>
      chooseTinkerService({ tinkerUrl: URL }, { S3_CREDENTIALS: `TINKER_API_KEY=${URL}` }),
    ).toThrow("is not set on this worker");
  });

  it("is an address alone, without several GPUs here", () => {
    expect(() => chooseTinkerService({ tinkerUrl: "tinker" }, {})).toThrow("give an address like");
    expect(() => chooseTinkerService({ tinkerUrl: "ftp://x" }, {})).toThrow("give an address like");
    expect(() => chooseTinkerService({ tinkerUrl: "https://me:key@x" }, {})).toThrow(
      "more than an address",
    );
    expect(() => chooseTinkerService({ tinkerUrl: URL, engineDevices: 2 }, {})).toThrow(
      "leave --engine-devices",
    );
    expect(() => chooseTinkerService({ tinkerUrl: URL, rayAddress: "auto" }, {})).toThrow(
      "leave --engine-devices",
    );
  });
});
