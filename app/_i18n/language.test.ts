import { describe, expect, it } from "vitest";
import { chooseLanguage } from "./language";

describe("the language of a page", () => {
  it("is the one that was chosen, whatever the browser asks for", () => {
    expect(chooseLanguage("zh", "en-GB,en;q=0.9")).toBe("zh");
    expect(chooseLanguage("en", "zh-CN")).toBe("en");
  });

  it("is what the browser asks for first, where nothing that there is was chosen", () => {
    expect(chooseLanguage(undefined, "zh-CN,zh;q=0.9,en;q=0.8")).toBe("zh");
    expect(chooseLanguage(undefined, "en-US,zh;q=0.9")).toBe("en");
    expect(chooseLanguage("de", "zh")).toBe("zh");
    expect(chooseLanguage("", "ZH-Hant")).toBe("zh");
  });

  it("goes by the qualities, not by the order, and takes none that is refused", () => {
    expect(chooseLanguage(undefined, "en;q=0.5, zh;q=0.8")).toBe("zh");
    expect(chooseLanguage(undefined, "zh;q=0, en;q=0.1")).toBe("en");
    expect(chooseLanguage(undefined, "zh ; q=0.2 , en ; q=0.1")).toBe("zh");
  });

  it("passes over languages that there are not", () => {
    expect(chooseLanguage(undefined, "de-DE,fr;q=0.9,zh-CN;q=0.2")).toBe("zh");
    expect(chooseLanguage(undefined, "de-DE,*;q=0.5")).toBe("en");
  });

  it("is English where nothing is asked for, or nothing that can be read", () => {
    expect(chooseLanguage(undefined, null)).toBe("en");
    expect(chooseLanguage(undefined, "")).toBe("en");
    expect(chooseLanguage(undefined, ";;,,q=1,=")).toBe("en");
  });
});
