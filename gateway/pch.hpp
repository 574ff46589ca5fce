// Precompiled for gateway/. No file may rely on it; each includes what it uses.
#pragma once

#include "actors/pch.hpp"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
