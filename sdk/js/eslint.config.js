import tseslint from 'typescript-eslint';

export default tseslint.config({ ignores: ['dist/', 'docs/'] }, ...tseslint.configs.recommended, {
  rules: {
    // A name that begins with _ says that it is not used.
    '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    // Tests and the wire know better than the types, here and there.
    '@typescript-eslint/no-non-null-assertion': 'off',
  },
});
