"use client";
import { createContext, use, useCallback, useContext, useMemo, type ReactNode } from "react";
import { useRouter } from "next/navigation";
import { loadCatalogue } from "@/core/texts/catalogue";
import { NO_TRANSLATION, UNTRANSLATED } from "@/core/texts/format-text";
import type { Language } from "@/core/texts/languages";
import { createText, type Text } from "./format-text";
import { LANGUAGE_COOKIE } from "./language";

const ENGLISH = createText("en", NO_TRANSLATION);

const TextContext = createContext<Text>(ENGLISH);

/** Gives the pages below it their texts in one language. */
export function TextProvider({ language, children }: { language: Language; children: ReactNode }) {
  const loading = loadCatalogue(language);
  const { texts, readMessage } = loading === null ? UNTRANSLATED : use(loading);
  const text = useMemo(
    () => createText(language, texts, readMessage),
    [language, texts, readMessage],
  );
  return <TextContext value={text}>{children}</TextContext>;
}

/** The texts of the interface: `t("Launch")`. */
export const useText = (): Text => useContext(TextContext);

/** Chooses the language of the interface for this browser, and draws the page in it. */
export function useLanguageChoice(): (language: Language) => void {
  const router = useRouter();
  return useCallback(
    (language) => {
      document.cookie = `${LANGUAGE_COOKIE}=${language}; path=/; max-age=31536000; samesite=lax`;
      router.refresh();
    },
    [router],
  );
}
