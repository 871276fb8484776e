import { GeistMono } from "geist/font/mono";
import { GeistSans } from "geist/font/sans";
import type { Metadata, Viewport } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";
import { LANGUAGE_TAGS } from "@/core/texts/languages";
import { readLanguage, readText } from "./_i18n/server";
import { TextProvider } from "./_i18n/text-provider";
import { Providers } from "./_lib/providers";
import { readLivePosition } from "./_lib/live/page-data";
import { Shell } from "./_shell/shell";
import "./globals.css";
// What every page may show: as parts of the layout their scripts come with the first ones, and not in a second request on
// which the page waits before it answers.
import "./error";
import "./not-found";

export async function generateMetadata(): Promise<Metadata> {
  const t = await readText();
  return {
    title: { default: "s3", template: "%s · s3" },
    description: t("Train, watch and inspect search agents rewarded by Gain Beyond RAG."),
  };
}

export const viewport: Viewport = {
  width: "device-width",
  initialScale: 1,
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#fafafb" },
    { media: "(prefers-color-scheme: dark)", color: "#101114" },
  ],
};

/**
 * Every page is made for its request, as its language and the nonce of its content security policy are
 * (server/http/response-headers.ts).
 */
export default async function RootLayout({ children }: { children: ReactNode }) {
  const nonce = (await headers()).get("x-nonce") ?? undefined;
  const language = await readLanguage();
  return (
    <html
      lang={LANGUAGE_TAGS[language]}
      className={`${GeistSans.variable} ${GeistMono.variable}`}
      suppressHydrationWarning
    >
      <body>
        <TextProvider language={language}>
          <Providers nonce={nonce} livePosition={await readLivePosition()}>
            <Shell>{children}</Shell>
          </Providers>
        </TextProvider>
      </body>
    </html>
  );
}
