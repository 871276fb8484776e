"use client";
import { Check, Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";

const THEMES = [
  { value: "light", label: markText("Light"), icon: Sun },
  { value: "dark", label: markText("Dark"), icon: Moon },
  { value: "system", label: markText("System"), icon: Monitor },
] as const;

/** Chooses the light or the dark theme, or the system's. */
export function ThemeSwitch() {
  const t = useText();
  const { theme, setTheme } = useTheme();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="icon-sm" aria-label={t("Theme")}>
          <Sun className="dark:hidden" />
          <Moon className="hidden dark:block" />
        </Button>
      </MenuTrigger>
      <MenuContent>
        {THEMES.map(({ value, label, icon: Icon }) => (
          <MenuItem key={value} onSelect={() => setTheme(value)}>
            <Icon /> {t(label)}{" "}
            {theme === value ? <Check className="ml-auto" aria-label={t("chosen")} /> : null}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}
