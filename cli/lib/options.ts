import { AppError } from "@/contracts/errors";

/** For an option that may be repeated: adds a value to those before it. */
export const collect = (value: string, values: string[]): string[] => [...values, value];

/** Parses a whole number that an option takes. @throws AppError "invalid-input" for anything else */
export function parseInteger(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number))
    throw new AppError("invalid-input", `${value} is not a whole number.`);
  return number;
}

/** Parses a sha256 that an option takes. @throws AppError "invalid-input" for anything else */
export function parseSha256(value: string): string {
  const digits = value.toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits))
    throw new AppError("invalid-input", `${value} is no sha256: give its 64 hexadecimal digits.`);
  return digits;
}
