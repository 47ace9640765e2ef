#!/usr/bin/env node

/**
 * JavaScript shim for the droid command.
 *
 * This shim finds and executes the appropriate platform-specific binary.
 * For x64 platforms, it detects AVX2 support and selects the appropriate
 * binary (regular or baseline for older CPUs).
 *
 * In optimized installations, this file is replaced with a hard link to
 * the actual binary, avoiding Node.js startup overhead.
 *
 * Based on esbuild's approach: https://github.com/evanw/esbuild/pull/1621
 */

const fs = require('fs');
const path = require('path');
const child_process = require('child_process');

const {
  PLATFORM_PACKAGES,
  getPlatformKey,
  getBinaryName,
  getBinaryPathWithInfo,
  resolveBinaryPath,
} = require('../platform.js');

function runBinary(binaryPath, args) {
  const result = child_process.spawnSync(binaryPath, args, {
    stdio: 'inherit',
    windowsHide: true,
  });

  if (result.error) {
    throw result.error;
  }

  return result;
}

function getBinaryPath() {
  const platformKey = getPlatformKey();
  const packages = PLATFORM_PACKAGES[platformKey];

  if (!packages) {
    console.error(`Error: Unsupported platform: ${platformKey}`);
    console.error(
      `Supported platforms: ${Object.keys(PLATFORM_PACKAGES).join(', ')}`
    );
    process.exit(1);
  }

  // Try to get binary from optionalDependencies
  const result = getBinaryPathWithInfo();
  if (result) {
    return result;
  }

  // Fallback: check if binary exists alongside this script (for development)
  const localBinary = path.join(
    __dirname,
    '..',
    'dist',
    process.platform,
    process.arch,
    getBinaryName()
  );
  if (fs.existsSync(localBinary)) {
    return {
      path: localBinary,
      pkg: 'local',
      hasBaseline: !!packages.baseline,
    };
  }

  console.error(
    `Error: Could not find the droid binary for ${platformKey}.\n\n` +
      `This usually means the optional dependency "${packages.regular}" was not installed.\n` +
      `Try running: npm install\n\n` +
      `If you're using npm with --ignore-scripts, the binary may not have been set up correctly.`
  );
  process.exit(1);
}

// Get the binary path and execute
const { path: binPath, pkg, hasBaseline } = getBinaryPath();
const args = process.argv.slice(2);

try {
  const result = runBinary(binPath, args);

  // Check for illegal instruction error (CPU doesn't support AVX2)
  // This can happen on Windows where we couldn't detect AVX2 upfront
  if (result.signal === 'SIGILL' && hasBaseline && !pkg.includes('baseline')) {
    console.error(
      `\nNote: Your CPU doesn't support AVX2 instructions. Trying baseline build...`
    );
    // Try baseline
    const baselinePath = resolveBinaryPath(
      PLATFORM_PACKAGES[getPlatformKey()].baseline
    );
    if (baselinePath) {
      const baselineResult = runBinary(baselinePath, args);
      process.exit(baselineResult.status ?? 0);
    }
  }

  process.exit(result.status ?? 0);
} catch (e) {
  console.error(`Error executing droid: ${e.message}`);
  process.exit(1);
}
