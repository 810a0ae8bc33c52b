import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { hashOfSources } from './sources.ts';

// The page is served below any base path: all addresses are relative, and the
// server writes <base href>.
export default defineConfig({
  base: './',
  plugins: [
    react(),
    {
      name: 'sources',
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'sources.sha256', source: `${hashOfSources(import.meta.dirname)}\n` });
      },
    },
  ],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'baseline-widely-available',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    restoreMocks: true,
  },
});
