import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    lib: {
      entry: 'src/index.ts',
      name: 'Tertulia',
      formats: ['es', 'iife'],
      fileName: (format) => (format === 'es' ? 'tertulia.js' : 'tertulia.global.js'),
    },
  },
});
