/** @type {import("next").NextConfig} */
const config = {
  reactStrictMode: true,
  poweredByHeader: false,
  devIndicators: false,
  // The server compresses everything itself, also by brotli.
  compress: false,
  // The address that is printed; Next.js knows localhost only.
  allowedDevOrigins: ["127.0.0.1"],
  turbopack: {
    resolveAlias: {
      // The parser of what the interface's messages hold, a fifth of the library's size, which every page would bring.
      "@formatjs/icu-messageformat-parser": "./app/_i18n/message-parser.ts",
    },
  },
  // Types are checked by `npm run check`; checking them again here would double the time of a build.
  typescript: { ignoreBuildErrors: true },
};

export default config;
