// The compiled part of Boost.Asio and Boost.Beast (see cmake/troupe_dependencies.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
