"use client";
import { Check, Languages } from "lucide-react";
import { LANGUAGES, LANGUAGE_TAGS } from "@/core/texts/languages";
import { useLanguageChoice, useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";

/** Chooses the language of the interface; each is named in itself, so that it is found from any other. */
export function LanguageSwitch() {
  const t = useText();
  const choose = useLanguageChoice();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="icon-sm" aria-label={t("Language")}>
          <Languages />
        </Button>
      </MenuTrigger>
      <MenuContent>
        {LANGUAGES.map(({ value, label }) => (
          <MenuItem key={value} onSelect={() => choose(value)}>
            <span lang={LANGUAGE_TAGS[value]}>{label}</span>{" "}
            {t.language === value ? <Check className="ml-auto" aria-label={t("chosen")} /> : null}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}
