// Precompiled for everything that includes CAF. No file may rely on it; each includes what it uses.
#pragma once

#include "base/pch.hpp"

#include <caf/all.hpp>
