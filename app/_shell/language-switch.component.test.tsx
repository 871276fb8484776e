import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import {
  AppRouterContext,
  type AppRouterInstance,
} from "next/dist/shared/lib/app-router-context.shared-runtime";
import { Suspense, use, useMemo, useState } from "react";
import { afterEach, expect, it } from "vitest";
import { chooseLanguage, LANGUAGE_COOKIE } from "@/app/_i18n/language";
import { TextProvider, useText } from "@/app/_i18n/text-provider";
import { renderPage } from "@/app/_testing/render-page";
import { LanguageSwitch } from "./language-switch";

const readCookie = (): string | undefined =>
  new RegExp(`${LANGUAGE_COOKIE}=(\\w*)`).exec(document.cookie)?.[1];

afterEach(() => {
  document.cookie = `${LANGUAGE_COOKIE}=; path=/; max-age=0`;
});

function Title() {
  const t = useText();
  return <h1>{t("Leaderboard")}</h1>;
}

/** The layout: the server draws the page again in the language of the cookie. */
function Layout() {
  const around = use(AppRouterContext);
  const [language, setLanguage] = useState(() => chooseLanguage(readCookie(), "en"));
  const router = useMemo(
    () =>
      ({
        ...around,
        refresh: () => setLanguage(chooseLanguage(readCookie(), "en")),
      }) as AppRouterInstance,
    [around],
  );
  return (
    <AppRouterContext value={router}>
      <Suspense fallback="loading">
        <TextProvider language={language}>
          <LanguageSwitch />
          <Title />
        </TextProvider>
      </Suspense>
    </AppRouterContext>
  );
}

it("names each language in itself, and draws the page in the one that is chosen", async () => {
  const user = userEvent.setup({ delay: null });
  renderPage(<Layout />);
  expect(screen.getByRole("heading", { name: "Leaderboard" })).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Language" }));
  const names = screen.getAllByRole("menuitem").map((item) => item.textContent.trim());
  expect(names).toEqual(["English", "简体中文"]);
  expect(screen.getByText("简体中文").getAttribute("lang")).toBe("zh-Hans");
  expect(screen.getByRole("menuitem", { name: "English chosen" })).toBeTruthy();

  await act(() => user.click(screen.getByRole("menuitem", { name: "简体中文" })));
  expect(await screen.findByRole("heading", { name: "排行榜" })).toBeTruthy();
  expect(readCookie()).toBe("zh");

  await user.click(screen.getByRole("button", { name: "语言" }));
  await act(() => user.click(screen.getByRole("menuitem", { name: "English" })));
  expect(await screen.findByRole("heading", { name: "Leaderboard" })).toBeTruthy();
  expect(readCookie()).toBe("en");
});
