import { cookies, headers } from "next/headers";
import type { Metadata } from "next";
import { loadCatalogue } from "@/core/texts/catalogue";
import { UNTRANSLATED } from "@/core/texts/format-text";
import type { Language } from "@/core/texts/languages";
import { createText, type Text } from "./format-text";
import { chooseLanguage, LANGUAGE_COOKIE } from "./language";

/** The language of the page that is made. */
export async function readLanguage(): Promise<Language> {
  const [chosen, head] = await Promise.all([cookies(), headers()]);
  return chooseLanguage(chosen.get(LANGUAGE_COOKIE)?.value, head.get("accept-language"));
}

/** The texts of the page that is made, for what is written on the server alone. */
export async function readText(): Promise<Text> {
  const language = await readLanguage();
  const { texts, readMessage } = (await loadCatalogue(language)) ?? UNTRANSLATED;
  return createText(language, texts, readMessage);
}

/** A page's title in its language: `export const generateMetadata = titlePage("Runs")`. */
export const titlePage = (title: string) => async (): Promise<Metadata> => ({
  title: (await readText())(title),
});
