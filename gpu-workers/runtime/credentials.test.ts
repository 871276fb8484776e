import { describe, expect, it } from "vitest";
import { parseCredentials, readCredential } from "./credentials";

const environment = {
  SEARCH_KEY: " k3y ",
  AWS_SECRET_ACCESS_KEY: "aws-lab-secret",
  S3_GENERATOR_API_KEY: "sk-lab-secret",
  S3_CREDENTIALS: "SEARCH_KEY=https://search.example.com, SEARCH_KEY=http://127.0.0.1:9200/x",
};

describe("a credential of the environment", () => {
  it("goes to the origins that it is bound to", () => {
    for (const address of ["https://search.example.com/index", "http://127.0.0.1:9200"])
      expect(readCredential("SEARCH_KEY", address, environment)).toBe("k3y");
    expect(readCredential(null, "http://anywhere.example.com", {})).toBeUndefined();
  });

  it.each([
    ["AWS_SECRET_ACCESS_KEY", "http://127.0.0.1:3991"],
    ["S3_GENERATOR_API_KEY", "http://127.0.0.1:3991"],
    ["SEARCH_KEY", "http://search.example.com"],
    ["SEARCH_KEY", "https://search.example.com.evil.example"],
    ["SEARCH_KEY", "https://search.example.com@evil.example"],
    ["SEARCH_KEY", "https://search.example.com:444"],
  ])("is not sent otherwise: %s to %s", (variable, address) => {
    expect(() => readCredential(variable, address, environment)).toThrow(
      `--credential ${variable}=${new URL(address).origin}`,
    );
    expect(() => readCredential(variable, address, environment)).not.toThrow(/secret|k3y/);
  });

  it("is told to be missing, and a wrong binding to be wrong", () => {
    const bound = { S3_CREDENTIALS: "KEY=https://a.example" };
    expect(() => readCredential("KEY", "https://a.example", bound)).toThrow(/not set/);
    expect(() => parseCredentials("KEY")).toThrow(/NAME=https/);
    expect(() => parseCredentials("KEY=ftp://a")).toThrow(/NAME=https/);
    expect(parseCredentials(undefined)).toEqual([]);
  });
});
