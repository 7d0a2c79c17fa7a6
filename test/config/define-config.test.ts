import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defineConfig } from '../../src/config/define-config.ts';

const test = suite('config/define-config');

test('defineConfig :: returns the very object it was given', () => {
  const config = { directory: 'site' };

  assert.is(defineConfig(config), config);
});

test.run();
